// The fleet as a table, and as lines that say what changed.
import type { FleetView, NodeView } from './fleet-view.ts'
import { renderAge } from './lab-status.ts'
import { renderTable } from './text-table.ts'

const HEAD = ['NODE', 'PHASE', 'BYTES', 'SLOT', 'VERSION', 'SINCE'] as const

/** Lines of the live table. */
export function renderFleet(view: FleetView, nowMs: number): string[] {
  return renderTable(
    HEAD,
    view.nodes.map((node) => [
      node.name,
      phaseText(node),
      renderBytes(node),
      node.slot,
      node.version,
      node.since === '' ? '-' : renderAge(nowMs - Date.parse(node.since)),
    ]),
  )
}

/** One line for each node whose phase, slot or version is another one than before. */
export function renderChanges(before: FleetView | undefined, now: FleetView): string[] {
  return now.nodes.flatMap((node) => {
    const old = before?.nodes.find((each) => each.name === node.name)
    const text = changeText(node)
    return old !== undefined && changeText(old) === text ? [] : [text]
  })
}

function changeText(node: NodeView): string {
  return `${node.name}  slot ${node.slot}  ${node.version}  ${phaseText(node)}`
}

function phaseText(node: NodeView): string {
  const cordoned = node.cordoned ? ', cordoned' : ''
  return `${node.phase}${cordoned}`
}

function renderBytes(node: NodeView): string {
  if (node.bytesTotal === undefined || node.bytesTotal === 0) return '-'
  return `${mebibytes(node.bytesDone ?? 0)}/${mebibytes(node.bytesTotal)} MiB`
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1)
}
