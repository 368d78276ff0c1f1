// What a person would look at first when a fleet does not do what it should; part of every failure
// message of these tests.
import * as fs from 'node:fs'
import path from 'node:path'
import type { TestLab } from './harness.ts'

const LOG_LINES = 6
const LINE_LENGTH_MAX = 400

/** Nodes, objects with conditions, and the end of each log. */
export function describeFleet(lab: TestLab): string {
  return [
    attempt(() => lab.kubectl(['get', 'nodes,os,osinstances,pods', '-A', '-o', 'wide'])),
    attempt(() => lab.kubectl(['get', 'os,osinstances', '-A', '-o', `go-template=${CONDITIONS}`])),
    attempt(() => powerOf(lab)),
    attempt(() => endOfLogs(lab)),
  ].join('\n')
}

const CONDITIONS = `{{range .items}}--- {{.kind}} {{.metadata.name}}{{"\\n"}}{{range $k, $v := .metadata.annotations}}  {{$k}}: {{$v}}{{"\\n"}}{{end}}{{if .status}}{{range .status.conditions}}  {{.type}}={{.status}} {{.reason}}: {{.message}}{{"\\n"}}{{end}}{{range .status.reasons}}  reason {{.}}{{"\\n"}}{{end}}{{if .status.operation}}  operation {{.status.operation}}{{"\\n"}}{{end}}{{end}}{{end}}`

function powerOf(lab: TestLab): string {
  return lab
    .record()
    .nodes.map(({ name, power, boots }) => {
      const last = boots
        .slice(-4)
        .map((boot) => `${boot.slot}:${boot.version}${boot.trial ? '?' : ''}`)
      return `${name} ${power}, boots ${boots.length}: ${last.join(' ')}`
    })
    .join('\n')
}

function endOfLogs(lab: TestLab): string {
  const folder = path.join(lab.stateFolder, 'logs')
  return fs
    .readdirSync(folder)
    .filter((file) => /^(operator|proxy|agent|gate|node|supervisor)/.test(file))
    .map((file) => {
      const lines = fs.readFileSync(path.join(folder, file), 'utf8').trimEnd().split('\n')
      const last = lines.slice(-LOG_LINES).map((line) => `  ${line.slice(0, LINE_LENGTH_MAX)}`)
      return `--- ${file}\n${last.join('\n')}`
    })
    .join('\n')
}

/** A report must not fail because a part of the lab does. */
function attempt(look: () => string): string {
  try {
    return look()
  } catch (error) {
    return `cannot look: ${error instanceof Error ? error.message : String(error)}`
  }
}
