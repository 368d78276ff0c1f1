import { expect, test } from 'bun:test'
import path from 'node:path'

const MAIN = path.join(import.meta.dir, 'testdata/zoo-main.ts')

test('startProgram() aborts the stop signal on SIGTERM and ends with the code of the applet', async () => {
  const child = start('orderly')
  await child.until('ready\n')
  child.kill('SIGTERM')
  expect(await child.end()).toMatchObject({ exitCode: 3, stdout: 'ready\nbye\n' })
})

test('startProgram() ends at once on a second signal', async () => {
  const child = start('stubborn')
  await child.until('ready\n')
  child.kill('SIGINT')
  await child.until('stopping\n')
  const before = performance.now()
  child.kill('SIGTERM')
  expect((await child.end()).exitCode).toBe(143)
  expect(performance.now() - before).toBeLessThan(3000)
})

test('startProgram() ends by force 5 s after the first signal', async () => {
  const child = start('stubborn')
  await child.until('ready\n')
  const before = performance.now()
  child.kill('SIGINT')
  const { exitCode, stderr } = await child.end()
  expect(exitCode).toBe(130)
  expect(performance.now() - before).toBeGreaterThan(4500)
  expect(stderr).toContain('Stopped by force')
}, 15_000)

test('startProgram() logs an error on one line and ends with the exit code of its kind', async () => {
  const { exitCode, stderr, stdout } = await start('blocked').end()
  expect({ exitCode, stdout }).toEqual({ exitCode: 75, stdout: '' })
  expect(stderr).toMatch(/^time=\S+ level=error msg="Cannot evict: no" budget=default\/web .*\n$/)
  expect(stderr).toContain('kind=blocked code=budget')
})

test('startProgram() tells people a sentence, but keeps the stack of a bug', async () => {
  const people = { ...process.env, ZOO_AUDIENCE: 'people' }
  expect(await start('blocked', people).end()).toMatchObject({
    exitCode: 75,
    stderr: 'Cannot evict: no [blocked/budget]\n',
  })
  expect((await start('late', people).end()).stderr).toContain('level=fatal')
})

test('startProgram() treats an error nobody caught as a bug', async () => {
  const { exitCode, stderr } = await start('late').end()
  expect(exitCode).toBe(70)
  expect(stderr).toMatch(/level=fatal msg="late trouble" kind=bug/)
  expect(stderr.split('\n')).toHaveLength(2)
})

test('startProgram() ends with the kind of a rejection nobody handled', async () => {
  const { exitCode, stderr } = await start('rejected').end()
  expect(exitCode).toBe(65)
  expect(stderr).toContain('code=digest')
})

test('startProgram() loses no output at the end', async () => {
  const { exitCode, stdout } = await start('chatty').end()
  expect(exitCode).toBe(0)
  expect(stdout.split('\n')).toHaveLength(20_001)
})

function start(applet: string, env: NodeJS.ProcessEnv = process.env) {
  const argv = [process.execPath, MAIN, applet]
  const child = Bun.spawn(argv, { env, stdout: 'pipe', stderr: 'pipe' })
  const reader = child.stdout.getReader()
  const decoder = new TextDecoder()
  let stdout = ''
  const readMore = async (): Promise<boolean> => {
    const { done, value } = await reader.read()
    if (!done) stdout += decoder.decode(value, { stream: true })
    return !done
  }
  return {
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    until: async (text: string) => {
      while (!stdout.includes(text)) if (!(await readMore())) throw new Error('ended early')
    },
    end: async () => {
      const stderr = new Response(child.stderr).text()
      while (await readMore());
      return { exitCode: await child.exited, stdout, stderr: await stderr }
    },
  }
}
