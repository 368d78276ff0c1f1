// A program for start-program.test.ts: each applet ends in another way.
import { OsError } from '../../src/errors.ts'
import type { AppletContext } from '../../src/applet.ts'
import { startProgram } from '../../src/start-program.ts'

const entry = (name: string, applet: (context: AppletContext) => Promise<number>) => ({
  name,
  summary: name,
  load: async () => applet,
})

async function waitForStop(context: AppletContext): Promise<void> {
  context.stdout('ready\n')
  await new Promise<void>((resolve) => {
    const alive = setInterval(() => {}, 1000)
    context.stop.addEventListener('abort', () => {
      clearInterval(alive)
      resolve()
    })
  })
}

await startProgram(
  {
    name: 'zoo',
    summary: 'Ends in many ways.',
    audience: process.env['ZOO_AUDIENCE'] === 'people' ? 'people' : 'supervisor',
    applets: [
      entry('orderly', async (context) => {
        await waitForStop(context)
        context.stdout('bye\n')
        return 3
      }),
      entry('stubborn', async (context) => {
        await waitForStop(context)
        context.stdout('stopping\n')
        await new Promise(() => setInterval(() => {}, 1000))
        return 0
      }),
      entry('blocked', async () => {
        const fields = { budget: 'default/web' }
        throw new OsError('blocked', { code: 'budget', message: 'Cannot evict: no', fields })
      }),
      entry('late', async () => {
        setTimeout(() => {
          throw new Error('late trouble')
        }, 1)
        return await new Promise<number>(() => setInterval(() => {}, 1000))
      }),
      entry('rejected', async () => {
        void Promise.reject(new OsError('integrity', { code: 'digest', message: 'Cannot use it' }))
        return await new Promise<number>(() => setInterval(() => {}, 1000))
      }),
      entry('chatty', async (context) => {
        for (let index = 0; index < 20_000; index++) context.stdout(`line ${index} of many\n`)
        return 0
      }),
    ],
  },
  { calledAs: process.argv0, argv: process.argv.slice(2), env: process.env },
)
