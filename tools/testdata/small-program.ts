// What build.test.ts compiles: applets that tell what they see.
import { restartWithEnvironment } from '@kubenest/base/restart-with-environment'
import { startProgram } from '@kubenest/base/start-program'

restartWithEnvironment({ SMALL_OPTION: 'set' }, process)
const planted = process.env['PLANTED'] ?? 'no'

await startProgram(
  {
    name: 'small',
    summary: 'Tells what it sees.',
    applets: [
      {
        name: 'applet-a',
        summary: 'A.',
        load: async () => async (context) => {
          context.stdout(`a planted=${planted} argv=${context.argv.join(',')}\n`)
          return 0
        },
      },
      {
        name: 'restarted',
        summary: 'Tells whether it was started again.',
        load: async () => async (context) => {
          context.stdout(`${context.env['SMALL_OPTION']} argv=${context.argv.join(',')}\n`)
          return 0
        },
      },
      {
        name: 'applet-b',
        summary: 'B.',
        load: async () => (await import('./small-applet.ts')).smallApplet,
      },
    ],
  },
  { calledAs: process.argv0, argv: process.argv.slice(2), env: process.env },
)
