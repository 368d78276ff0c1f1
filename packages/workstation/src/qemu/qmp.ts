// One command to a running guest through QEMU's machine protocol.
import { OsError } from '@kubenest/base/errors'
import { exchangeOverUnixSocket } from '@kubenest/base/unix-socket'

/** Commands we use: `quit` is a power cut, `system_powerdown` the power button. */
export type QmpCommand =
  'quit' | 'system_reset' | 'system_powerdown' | 'stop' | 'cont' | 'query-status'

const TIMEOUT_MS = 10_000

/** Sends one command and returns what QEMU answered. */
export async function runQmpCommand(
  socket: string,
  command: QmpCommand,
  signal?: AbortSignal,
): Promise<unknown> {
  const requests = [{ execute: 'qmp_capabilities' }, { execute: command }]
  const decoder = new TextDecoder()
  let text = ''
  return exchangeOverUnixSocket<unknown>({
    path: socket,
    send: new TextEncoder().encode(requests.map((request) => JSON.stringify(request)).join('\n')),
    timeoutMs: TIMEOUT_MS,
    ...(signal === undefined ? {} : { signal }),
    read: (bytes) => {
      text += decoder.decode(bytes, { stream: true })
      return findAnswer(text, command)
    },
  })
}

/**
 * The second answer: the first is to `qmp_capabilities`; events and the greeting are no answers.
 */
export function findAnswer(text: string, command: QmpCommand): unknown {
  const lines = text
    .split('\n')
    .slice(0, -1)
    .filter((line) => line.trim() !== '')
  const messages = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  const answer = messages.filter((message) => 'return' in message || 'error' in message)[1]
  if (answer === undefined) return undefined
  if (answer['error'] === undefined) return answer['return']
  throw new OsError('host', {
    code: 'qmp-refused',
    message: `Cannot run ${command} on the guest: ${JSON.stringify(answer['error'])}`,
  })
}
