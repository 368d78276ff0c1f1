// `kubectl os …`: kubectl finds this program as `kubectl-os` on the PATH. (Later: plan, explain,
// history.)
import type { Applet, AppletContext } from '@kubenest/base/applet'
import { systemClock } from '@kubenest/base/clock'
import { createFetchClient } from '@kubenest/kube/client/fetch-client'
import { loadKubeConfig } from '@kubenest/kube/client/load-config'
import { Command, CommanderError } from 'commander'
import { allowTrial, type KubectlDeps, showRollouts } from './kubectl-commands.ts'

const USAGE_EXIT_CODE = 64

interface Options {
  readonly namespace: string
  readonly allNamespaces?: boolean
  readonly node: string[]
}

/** Runs one command of the plug-in. */
export const kubectlOsApplet: Applet = async (context) => {
  try {
    await buildCommands(context).parseAsync([...context.argv], { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_EXIT_CODE
    throw error
  }
}

function buildCommands(context: AppletContext): Command {
  const program = new Command('kubectl os')
    .description('Shows rollouts of operating systems, and lifts a halt')
    .exitOverride()
    .configureOutput({ writeOut: context.stdout, writeErr: context.stderr })
  inNamespace(program.command('status'))
    .description('every OS object, how far it is, and what it waits for')
    .option('-A, --all-namespaces', 'of all namespaces')
    .action(async (options: Options) => {
      const namespace = options.allNamespaces === true ? undefined : options.namespace
      context.stdout(await showRollouts(await depsOf(context), namespace))
    })
  inNamespace(program.command('allow'))
    .description('allow one more trial of the present image where it failed')
    .argument('<name>', 'name of the OS object')
    .option('--node <name...>', 'on these nodes only', [])
    .action(async (name: string, { namespace, node }: Options) => {
      context.stdout(await allowTrial(await depsOf(context), { namespace, name }, node))
    })
  return program
}

function inNamespace(command: Command): Command {
  return command.option('-n, --namespace <name>', 'namespace of the OS object', 'default')
}

async function depsOf(context: AppletContext): Promise<KubectlDeps> {
  const config = await loadKubeConfig({ env: context.env })
  const client = createFetchClient(config)
  return { client, clock: systemClock, freshToken: () => crypto.randomUUID() }
}
