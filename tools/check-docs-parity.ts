// Users read English or Chinese and get the same: every page exists in both languages, with the
// same headings and the same commands.
import type { Finding, SourceFile } from './source-files.ts'

const README_PAIR = ['README.md', 'docs/zh/README.md'] as const

/** Pages that lack their pair, or differ from it in shape or in code. */
export function checkDocsParity(files: readonly SourceFile[]): Finding[] {
  const pages = new Map(files.map((file) => [file.path, file]))
  const pairs = [...pages.keys()].flatMap(pairOf)
  const unique = new Map(pairs.map((pair) => [pair.join(), pair]))
  return [...unique.values()].flatMap((pair) => checkPair(pair, pages))
}

type Pair = readonly [string, string]

function pairOf(path: string): Pair[] {
  if (README_PAIR.some((each) => each === path)) return [README_PAIR]
  const match = /^docs\/(?:en|zh)\/(.+\.md)$/.exec(path)
  return match === null ? [] : [[`docs/en/${match[1]}`, `docs/zh/${match[1]}`]]
}

function checkPair([english, chinese]: Pair, pages: ReadonlyMap<string, SourceFile>): Finding[] {
  const left = pages.get(english)
  const right = pages.get(chinese)
  if (left === undefined) return [{ path: chinese, message: `has no pair ${english}` }]
  if (right === undefined) return [{ path: english, message: `has no pair ${chinese}` }]
  const findings: Finding[] = []
  if (headings(left.text) !== headings(right.text)) {
    const message = `has headings ${headings(right.text)}; ${english} has ${headings(left.text)}`
    findings.push({ path: chinese, message })
  }
  const wanted = codeBlocks(left.text)
  const given = codeBlocks(right.text)
  const at = wanted.findIndex((block, index) => block !== given[index])
  if (at >= 0 || wanted.length !== given.length) {
    const place =
      at >= 0 ? `block ${at + 1} differs` : `${given.length} blocks, not ${wanted.length}`
    findings.push({ path: chinese, message: `has other code than ${english}: ${place}` })
  }
  return findings
}

/** Levels of the headings in order, for example `1 2 2 3`. */
function headings(text: string): string {
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, '')
  return [...prose.matchAll(/^(#+) /gm)].map((match) => match[1]?.length).join(' ')
}

/** Fenced code with its comments left out: those are translated, and so is what is only text. */
function codeBlocks(text: string): string[] {
  return [...text.matchAll(/^```([^\n]*)\n([\s\S]*?)^```/gm)]
    .filter(([, language]) => language !== 'text')
    .map(([, , code = '']) => code.replaceAll(/[ \t]*# .*$/gm, '').trim())
}
