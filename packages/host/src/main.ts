// kubenest-host: what runs in the node's root file system. (Later: hostshell.)
import { startProgram } from '@kubenest/base/start-program'

await startProgram(
  {
    name: 'kubenest-host',
    summary: "Changes the node's operating system: slots, boot loader, settings.",
    applets: [
      {
        name: 'os-agent',
        summary: 'Serves the local socket, and judges a boot of a new version',
        load: async () => (await import('./agent/applet.ts')).osAgentApplet,
      },
    ],
  },
  { calledAs: process.argv0, argv: process.argv.slice(2), env: process.env },
)
