// The image server inside the guest, honest and otherwise: `/NAME`, `/stall/NAME` (half, then
// silence), `/cut/NAME` (half, then the connection ends).
import * as fs from 'node:fs/promises'

const PORT = 8080

/** Where an image is to be had. */
export function imageUrl(name: string): string {
  return `http://127.0.0.1:${PORT}/${name}`
}

/** Serves `/images` until the guest ends. */
export function serveImages(): void {
  Bun.serve({
    port: PORT,
    hostname: '127.0.0.1',
    idleTimeout: 255,
    async fetch(request) {
      const words = new URL(request.url).pathname.split('/')
      const content = new Uint8Array(await fs.readFile(`/usr/images/${words.at(-1) ?? ''}`))
      const manner = words.length > 2 ? words[1] : 'whole'
      if (manner === 'whole') return new Response(content)
      const half = content.subarray(0, content.length / 2)
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(half)
          if (manner === 'cut') controller.error(new Error('cut'))
        },
      })
      return new Response(body, { headers: { 'content-length': String(content.length) } })
    },
  })
}
