// Effects stay at the edge (ARCHITECTURE.md, Layers): who may use node: modules, Bun and process,
// who reads the time, who reads the environment.
import { blankText } from './blank-text.ts'
import { importsOf } from './imports.ts'
import { type Finding, isTestFile, type SourceFile } from './source-files.ts'

const EDGES = [
  /^packages\/base\//,
  /^packages\/kube\/src\/client\//,
  /^packages\/host\/src\/linux\//,
]
const MAIN = /\/main\.ts$/
const CLOCK = 'packages/base/src/clock.ts'
/** The simulator's clock lets waiting promises settle by a timer of the machine. */
const FAKE_CLOCK = 'packages/sim/src/fakes/fake-clock.ts'

interface Rule {
  readonly pattern: RegExp
  readonly message: string
  readonly isAllowed: (file: string) => boolean
}

const isEdge = (file: string) => MAIN.test(file) || EDGES.some((edge) => edge.test(file))

const RULES: readonly Rule[] = [
  {
    pattern: /(?<![.\w])(?:Bun\.|process\.|require\()/,
    message: 'uses the system directly; take what you need as an argument',
    isAllowed: isEdge,
  },
  {
    pattern: /(?<![.\w])set(?:Timeout|Interval|Immediate)\(/,
    message: 'sets a timer itself; use the Clock it is given',
    isAllowed: (file) => isEdge(file) || file === FAKE_CLOCK,
  },
  {
    pattern: /(?<![.\w])(?:Date\.now\(|performance\.now\(|new Date\(\))/,
    message: `reads the time; only ${CLOCK} does`,
    isAllowed: (file) => file === CLOCK,
  },
  {
    pattern: /(?<![.\w])(?:process|Bun)\.env\b/,
    message: 'reads the environment; only main.ts does',
    isAllowed: (file) => MAIN.test(file),
  },
]

/** Uses of the system outside the edge, in the files of packages that are not tests. */
export function checkEffects(files: readonly SourceFile[]): Finding[] {
  return files
    .filter(({ path }) => path.startsWith('packages/') && !isTestFile(path))
    .flatMap((file) => [...checkCode(file), ...checkImports(file)])
}

function checkCode({ path, text }: SourceFile): Finding[] {
  const rules = RULES.filter((rule) => !rule.isAllowed(path))
  return blankText(text)
    .split('\n')
    .flatMap((code, index) =>
      rules
        .filter((rule) => rule.pattern.test(code))
        .map(({ message }) => ({ path, line: index + 1, message })),
    )
}

function checkImports(file: SourceFile): Finding[] {
  if (isEdge(file.path)) return []
  return importsOf(file)
    .filter(({ specifier }) => /^(node:|bun$|bun:)/.test(specifier))
    .map(({ specifier, line }) => ({
      path: file.path,
      line,
      message: `imports ${specifier}; only base, kube/src/client, host/src/linux and main.ts do`,
    }))
}
