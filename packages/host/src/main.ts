// kubenest-host: what runs in the node's root file system, and its door for the admin container.
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
      {
        name: 'hostshell',
        summary: 'Opens a root shell on the host, from inside the admin container',
        usage:
          "\n\nTakes no arguments. The session is recorded in the host's journal and ends after\nHOSTSHELL_LIMIT_MINUTES (60 when not set, at most 1440).",
        load: async () => (await import('./hostshell/applet.ts')).hostshellApplet,
      },
    ],
  },
  { calledAs: process.argv0, argv: process.argv.slice(2), env: process.env },
)
