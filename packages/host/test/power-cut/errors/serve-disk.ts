// Serves a disk to QEMU over NBD (fixed newstyle, simple replies) on a unix socket. Only what
// QEMU's client asks for: one export, reads, writes, flushes.
import { createServer, type Socket } from 'node:net'
import type { BlockDevice } from './faulty-disk.ts'

const OPTION_MAGIC = Buffer.from('IHAVEOPT')
const OPTION_REPLY_MAGIC = 0x3_e889_0455_65a9n
const REQUEST_MAGIC = 0x2560_9513
const REPLY_MAGIC = 0x6744_6698
const OPTIONS = { abort: 2, info: 6, go: 7 } as const
const OPTION_REPLIES = { ack: 1, info: 3, unsupported: 0x8000_0001 } as const
const COMMANDS = { read: 0, write: 1, disconnect: 2, flush: 3 } as const
/** There are flags; flush is known. Of forced writes, which are not, QEMU makes two requests. */
const EXPORT_FLAGS = 0b101
/** Fixed newstyle, and no zeroes after an export's name. */
const HANDSHAKE_FLAGS = 0b11
const CLIENT_FLAGS_BYTES = 4
const OPTION_BYTES = 16
const REQUEST_BYTES = 28
const ERRORS = { none: 0, medium: 5, invalid: 22 } as const

export interface ServedDisk {
  stop(): Promise<void>
}

/** Listens; every connection gets the same disk. */
export async function serveDisk(socketPath: string, disk: BlockDevice): Promise<ServedDisk> {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    // QEMU is killed in the middle of requests: that is the cut.
    socket.on('error', () => undefined)
    speak(socket, disk)
  })
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject)
    server.listen(socketPath, resolve)
  })
  return {
    async stop() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Takes one message off the beginning of the input; `undefined` while it is not complete. */
type Step = (input: Buffer) => { readonly taken: number; readonly next: Step } | undefined

function speak(socket: Socket, disk: BlockDevice): void {
  let input: Buffer = Buffer.alloc(0)
  let step = handshake(socket, disk)
  socket.on('data', (bytes) => {
    input = Buffer.concat([input, typeof bytes === 'string' ? Buffer.from(bytes) : bytes])
    for (;;) {
      const done = step(input)
      if (done === undefined) return
      input = input.subarray(done.taken)
      step = done.next
    }
  })
}

function handshake(socket: Socket, disk: BlockDevice): Step {
  socket.write(Buffer.concat([Buffer.from('NBDMAGIC'), OPTION_MAGIC, number16(HANDSHAKE_FLAGS)]))
  const options: Step = (input) => {
    if (input.length < OPTION_BYTES) return undefined
    const taken = OPTION_BYTES + input.readUInt32BE(12)
    if (input.length < taken) return undefined
    const option = input.readUInt32BE(8)
    const reply = (kind: number, data?: Buffer) => socket.write(optionReply(option, kind, data))
    if (option === OPTIONS.abort) {
      reply(OPTION_REPLIES.ack)
      socket.end()
    } else if (option === OPTIONS.info || option === OPTIONS.go) {
      reply(OPTION_REPLIES.info, exportInfo(disk))
      reply(OPTION_REPLIES.ack)
    } else reply(OPTION_REPLIES.unsupported)
    return { taken, next: option === OPTIONS.go ? requests(socket, disk) : options }
  }
  return (input) =>
    input.length < CLIENT_FLAGS_BYTES ? undefined : { taken: CLIENT_FLAGS_BYTES, next: options }
}

function optionReply(option: number, kind: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(20)
  header.writeBigUInt64BE(OPTION_REPLY_MAGIC, 0)
  header.writeUInt32BE(option, 8)
  header.writeUInt32BE(kind, 12)
  header.writeUInt32BE(data.length, 16)
  return Buffer.concat([header, data])
}

function exportInfo(disk: BlockDevice): Buffer {
  const info = Buffer.alloc(12)
  info.writeBigUInt64BE(BigInt(disk.sizeBytes), 2)
  info.writeUInt16BE(EXPORT_FLAGS, 10)
  return info
}

function requests(socket: Socket, disk: BlockDevice): Step {
  const next: Step = (input) => {
    if (input.length < REQUEST_BYTES) return undefined
    if (input.readUInt32BE(0) !== REQUEST_MAGIC) throw new Error('This is no request of NBD')
    const command = input.readUInt16BE(6)
    const length = input.readUInt32BE(24)
    const taken = REQUEST_BYTES + (command === COMMANDS.write ? length : 0)
    if (input.length < taken) return undefined
    if (command === COMMANDS.disconnect) socket.end()
    else {
      const at = Number(input.readBigUInt64BE(16))
      const data = input.subarray(REQUEST_BYTES, taken)
      const reply = replyTo(disk, { command, at, length, data })
      answer(socket, replyBytes(input.subarray(8, 16), reply), disk.delayMs())
    }
    return { taken, next }
  }
  return next
}

interface Reply {
  readonly error: number
  readonly data?: Uint8Array
}

function replyTo(
  disk: BlockDevice,
  request: {
    readonly command: number
    readonly at: number
    readonly length: number
    readonly data: Uint8Array
  },
): Reply {
  const outcome = (isDone: boolean) => ({ error: isDone ? ERRORS.none : ERRORS.medium })
  switch (request.command) {
    case COMMANDS.read: {
      const data = disk.read(request.at, request.length)
      return data === undefined ? outcome(false) : { error: ERRORS.none, data }
    }
    case COMMANDS.write:
      return outcome(disk.write(request.at, request.data))
    case COMMANDS.flush:
      return outcome(disk.flush())
    default:
      return { error: ERRORS.invalid }
  }
}

function replyBytes(handle: Uint8Array, { error, data }: Reply): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt32BE(REPLY_MAGIC, 0)
  header.writeUInt32BE(error, 4)
  return Buffer.concat([header, handle, data ?? Buffer.alloc(0)])
}

function answer(socket: Socket, reply: Buffer, delayMs: number): void {
  const send = () => {
    if (!socket.destroyed) socket.write(reply)
  }
  if (delayMs > 0) setTimeout(send, delayMs)
  else send()
}

function number16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value, 0)
  return bytes
}
