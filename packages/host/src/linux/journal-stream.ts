// Lines into the system's journal from a program that no unit started, by journald's stream
// protocol: journald adds process, user and control group of the writer by itself, so a line cannot
// be forged.
import { connect, type Socket } from 'node:net'

const CONNECT_LIMIT_MS = 2000
const CLOSE_LIMIT_MS = 2000
const INFO_PRIORITY = 6

/** An open stream; each line is one entry. */
export interface JournalStream {
  write(line: string): void
  /** Ends the stream when everything written was handed over. */
  close(): Promise<void>
}

/** Opens a stream under this identifier; `undefined` where no journald serves the folder. */
export function openJournalStream(
  identifier: string,
  folder = '/run/systemd/journal',
): Promise<JournalStream | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path: `${folder}/stdout` })
    const giveUp = () => {
      socket.destroy()
      resolve(undefined)
    }
    const timer = setTimeout(giveUp, CONNECT_LIMIT_MS)
    // Later, too: a journal that ends must not end us.
    socket.on('error', giveUp)
    socket.once('connect', () => {
      clearTimeout(timer)
      // Identifier, unit, priority, priority prefixes, forward to syslog, kernel log, console.
      socket.write(`${identifier}\n\n${INFO_PRIORITY}\n0\n0\n0\n0\n`)
      resolve({
        write: (line) => void socket.write(line.endsWith('\n') ? line : `${line}\n`),
        close: () => endSocket(socket),
      })
    })
  })
}

/**
 * A journal that has gone already tells no end a second time, and one that is stuck tells none: a
 * command whose answer is out must not wait for it. The timer also keeps the process from spinning.
 */
function endSocket(socket: Socket): Promise<void> {
  if (socket.closed) return Promise.resolve()
  return new Promise((done) => {
    const giveUp = () => socket.destroy()
    const timer = setTimeout(giveUp, CLOSE_LIMIT_MS)
    socket.once('close', () => {
      clearTimeout(timer)
      done()
    })
    socket.end(giveUp)
  })
}
