// kubenest: what runs on an administrator's or builder's machine.
import { startProgram } from '@kubenest/base/start-program'

await startProgram(
  {
    name: 'kubenest',
    summary: 'Builds operating system images and runs a whole cluster of them on one machine.',
    audience: 'people',
    applets: [
      {
        name: 'lab',
        summary: 'A real control plane with virtual and light nodes: up, down, status, demo',
        load: async () => (await import('./lab/applet.ts')).labApplet,
      },
      {
        name: 'kbimg',
        summary: 'Builds disk images and upgrade images',
        load: async () => (await import('./kbimg/applet.ts')).kbimgApplet,
      },
      {
        name: 'kubectl-os',
        summary: 'kubectl plug-in: status of rollouts, leave for another trial',
        load: async () => (await import('./kubectl/applet.ts')).kubectlOsApplet,
      },
      {
        name: 'images',
        summary: 'Makes the container images of operator and proxy',
        load: async () => (await import('./oci/applet.ts')).imagesApplet,
      },
      {
        name: 'systemctl',
        summary: 'Stands in for systemctl inside the sandbox of a light node',
        load: async () => (await import('./lab/light-systemctl.ts')).lightSystemctlApplet,
      },
    ],
  },
  { calledAs: process.argv0, argv: process.argv.slice(2), env: process.env },
)
