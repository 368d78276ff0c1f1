// `kubectl os status`: every rollout on a line, and under it what the operator says about it. Pure.
import type { Os } from '@kubenest/api/os/os'
import { renderTable } from '../lab/text-table.ts'

const HEAD = ['NAMESPACE', 'NAME', 'OPERATION', 'TARGET', 'NODES', 'UPDATED', 'WORKING', 'FAILED']
/** Conditions whose message a person wants to read, the most urgent first. */
const TOLD = ['Degraded', 'Paused', 'Progressing', 'Available'] as const

/** Text for OS objects of any age: numbers that the operator has not written yet show as `-`. */
export function renderRollouts(oses: readonly Os[]): string {
  if (oses.length === 0) return 'There are no OS objects\n'
  const lines = renderTable(HEAD, oses.map(row))
  const told = oses.flatMap((os) => {
    const sentence = sentenceOf(os)
    return sentence === undefined
      ? []
      : [`${os.metadata.namespace}/${os.metadata.name}: ${sentence}`]
  })
  return `${[...lines, ...(told.length > 0 ? ['', ...told] : [])].join('\n')}\n`
}

function row(os: Os): string[] {
  const { spec, status } = os
  return [
    os.metadata.namespace ?? '',
    os.metadata.name,
    spec?.opstype ?? '-',
    spec?.osversion ?? '-',
    count(status?.nodes),
    count(status?.updated),
    count(status?.updating),
    count(status?.failed),
  ]
}

function count(value: number | undefined): string {
  return value === undefined ? '-' : `${value}`
}

function sentenceOf(os: Os): string | undefined {
  const conditions = os.status?.conditions ?? []
  for (const type of TOLD) {
    const found = conditions.find((each) => each.type === type && each.status === 'True')
    if (found !== undefined) return `${type} (${found.reason}): ${found.message}`
  }
  return undefined
}
