// The contract of the port image-source.ts: what every source must do, whatever brings its bytes.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { faultOf } from '../agent/fault-of.ts'
import type { SourceBench } from './source-bench.ts'
import { takeImage } from './take-image.ts'

const LIMIT_MS = 300_000
/** Bytes that do not shrink: what is on the wire is as large as the image. */
function imageBytes(mebibytes: number): Uint8Array {
  const bytes = new Uint8Array(mebibytes * 1024 * 1024 + 4711)
  for (let at = 0; at < bytes.length; at += 65_536)
    crypto.getRandomValues(bytes.subarray(at, at + 65_536))
  return bytes
}

/** Runs the contract on a bench that is made once. */
export function describeImageSource(name: string, makeBench: () => Promise<SourceBench>): void {
  describe(`the contract of an image source: ${name}`, () => {
    let bench: SourceBench
    beforeAll(async () => {
      bench = await makeBench()
    }, LIMIT_MS)
    afterAll(() => bench.stop(), LIMIT_MS)
    beforeEach(() => {
      Object.assign(bench.proxy, { cuts: 0, isStalling: false, status: undefined })
      bench.proxy.largeRequests.length = 0
    })
    const contract = (title: string, task: () => Promise<void>) => test(title, task, LIMIT_MS)

    contract('open() gives the bytes in order, each once, and their number', async () => {
      const image = imageBytes(5)
      const request = await bench.publish(image)
      const counts: number[] = []
      const onBytes = (count: number) => counts.push(count)
      const taken = await takeImage(bench.source(), request, { onBytes })
      expect(Buffer.compare(taken.bytes, image)).toBe(0)
      expect(taken.sizeBytes).toBe(image.length)
      // Progress: pieces of at most 1 MiB.
      expect(counts.length).toBeGreaterThanOrEqual(6)
      expect(await bench.leftovers()).toEqual([])
    })

    contract('open() refuses an image above the cap before it gives a byte', async () => {
      const request = await bench.publish(imageBytes(3))
      const counts: number[] = []
      const options = { sizeBytesMax: 2_000_000, onBytes: (count: number) => counts.push(count) }
      expect(await faultOf(takeImage(bench.source(), request, options))).toMatchObject({
        kind: 'invalid',
        code: 'image-too-large',
      })
      expect(counts).toEqual([])
      expect(await bench.leftovers()).toEqual([])
    })

    contract('open() takes another image for the promised one never', async () => {
      const request = { ...(await bench.publish(imageBytes(1))), check_sum: 'ab'.repeat(32) }
      expect(await faultOf(takeImage(bench.source(), request))).toMatchObject({
        kind: 'integrity',
        code: 'image-digest-mismatch',
        message: expect.stringContaining('ab'.repeat(32)) as string,
      })
      expect(await bench.leftovers()).toEqual([])
    })

    contract('open() goes on after the transport broke', async () => {
      const image = imageBytes(4)
      const request = await bench.publish(image)
      bench.proxy.cuts = 1
      const taken = await takeImage(bench.source(), request)
      expect(Buffer.compare(taken.bytes, image)).toBe(0)
      expect(bench.proxy.largeRequests.length).toBe(2)
      expect(await bench.leftovers()).toEqual([])
    })

    contract('open() ends at its time limit when nothing comes any more', async () => {
      const request = await bench.publish(imageBytes(2))
      bench.proxy.isStalling = true
      expect(await faultOf(takeImage(bench.source(400), request))).toMatchObject({
        kind: 'transient',
        code: expect.stringMatching(/^download-(stalled|too-slow)$/) as string,
      })
      expect(await bench.leftovers()).toEqual([])
    })

    contract('open() that is cancelled in the midst of a transfer ends at once', async () => {
      const request = await bench.publish(imageBytes(2))
      const abort = new AbortController()
      bench.proxy.isStalling = true
      bench.proxy.onStall = () => abort.abort()
      const task = takeImage(bench.source(), request, { signal: abort.signal })
      expect(await faultOf(task)).toMatchObject({ kind: 'blocked', code: 'cancelled' })
      expect(await bench.leftovers()).toEqual([])
      bench.proxy.isStalling = false
      await takeImage(bench.source(), request)
    })

    contract('open() that is cancelled before it starts asks for nothing', async () => {
      const request = await bench.publish(imageBytes(1))
      const task = takeImage(bench.source(), request, { signal: AbortSignal.abort() })
      expect(await faultOf(task)).toMatchObject({ kind: 'blocked', code: 'cancelled' })
      expect(bench.proxy.largeRequests).toEqual([])
      expect(await bench.leftovers()).toEqual([])
    })

    contract('open() tells what cannot be had', async () => {
      const request = await bench.publish(imageBytes(1))
      bench.proxy.status = 404
      const fault = await faultOf(takeImage(bench.source(), request))
      expect(fault).toMatchObject({
        kind: 'invalid',
        code: expect.stringMatching(/^(http-status|image-not-found)$/) as string,
      })
      bench.proxy.status = 500
      expect(await faultOf(takeImage(bench.source(20), request))).toMatchObject({
        kind: 'transient',
      })
      expect(await bench.leftovers()).toEqual([])
    })

    contract('close() removes everything though the image was read in part', async () => {
      const request = await bench.publish(imageBytes(2))
      const limits = { sizeBytesMax: 10_000_000 }
      const stream = await bench.source().open(request, limits, new AbortController().signal)
      for await (const part of stream.bytes) {
        expect(part.length).toBeGreaterThan(0)
        break
      }
      await stream.close?.()
      await stream.close?.()
      expect(await bench.leftovers()).toEqual([])
    })

    contract('discard() and the next open() remove what a killed run left', async () => {
      const image = imageBytes(1)
      const request = await bench.publish(image)
      const open = () =>
        bench.source().open(request, { sizeBytesMax: 10_000_000 }, new AbortController().signal)
      await open()
      await bench.source().discard?.()
      expect(await bench.leftovers()).toEqual([])
      await open()
      expect(Buffer.compare((await takeImage(bench.source(), request)).bytes, image)).toBe(0)
      expect(await bench.leftovers()).toEqual([])
    })
  })
}
