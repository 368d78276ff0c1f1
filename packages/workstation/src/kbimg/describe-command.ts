// What a build ran, or would run: programs with their arguments, by step. It is shown to people as
// scripts, and tells whether two builds would do the same; so it names no folder of this machine
// and no secret.
import type { Argv, RootTools } from './namespaces.ts'
import type { StepId } from './plan-image.ts'

/** Whose eyes a program sees with: the machine's, as root of a namespace, or inside the image. */
export type CommandPlace = 'machine' | 'namespace' | 'inside'

/** One program run. */
export interface RecordedCommand {
  readonly place: CommandPlace
  readonly argv: Argv
  /** Standard input, or what a secret one is. */
  readonly input?: { readonly text: string } | { readonly secret: string }
}

/** One step of a plan and what it ran. */
export interface RecordedStep {
  readonly id: StepId
  readonly title: string
  readonly commands: RecordedCommand[]
}

/** Folders of one build. */
export interface BuildFolders {
  readonly cwd: string
  readonly work: string
  readonly root: string
  readonly tools: RootTools
}

/** Takes the wrappers off a command line and the machine's folders out of it. */
export function describeCommand(
  folders: BuildFolders,
  argv: Argv,
  input?: RecordedCommand['input'],
): RecordedCommand {
  const { tools, root } = folders
  const wrappers: readonly (readonly [CommandPlace, Argv])[] = [
    ['inside', tools.inside(root, [])],
    ['namespace', tools.isolated([])],
    ['namespace', tools.asRoot([])],
    ['machine', []],
  ]
  const [place, prefix] = wrappers.find(([, words]) => beginsWith(argv, words)) ?? ['machine', []]
  const inner = argv.slice(prefix.length).map((word) => withoutFolders(folders, word))
  return { place, argv: inner, ...(input === undefined ? {} : { input }) }
}

function beginsWith(argv: Argv, words: Argv): boolean {
  return words.every((word, index) => argv[index] === word)
}

/** A folder stands at the beginning of a word, or behind the `=` of an option. */
function withoutFolders({ cwd, work }: BuildFolders, word: string): string {
  const option = /^[a-z-]+=(?=\/)/.exec(word)?.[0] ?? ''
  const path = word.slice(option.length)
  for (const [folder, name] of [
    [work, 'scripts-auto'],
    [cwd, '.'],
  ] as const)
    if (path === folder || path.startsWith(`${folder}/`))
      return `${option}${name}${path.slice(folder.length)}`
  return word
}
