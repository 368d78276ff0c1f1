// Draws a table again and again at the same place of a terminal; elsewhere prints each change once.
import type { FleetView } from './fleet-view.ts'
import { renderChanges, renderFleet } from './fleet-table.ts'

/** A place to draw on. */
export interface LiveTable {
  draw(view: FleetView, nowMs: number): void
  /** Leaves the last picture where it is; what is printed next goes below it. */
  close(): void
}

/** `columns` is the width of the terminal; absent for files and pipes. */
export function createLiveTable(
  write: (text: string) => void,
  columns: number | undefined,
): LiveTable {
  let drawn = 0
  let before: FleetView | undefined
  const startedMs = { value: -1 }
  return {
    draw(view, nowMs) {
      if (startedMs.value < 0) startedMs.value = nowMs
      if (columns === undefined) {
        const seconds = ((nowMs - startedMs.value) / 1000).toFixed(1).padStart(5)
        for (const line of renderChanges(before, view)) write(`  ${seconds}s  ${line}\n`)
      } else {
        const lines = renderFleet(view, nowMs).map((line) => `  ${line}`.slice(0, columns - 1))
        const told = view.oses.map((os) => `  ${os.name}: ${os.progress}`.slice(0, columns - 1))
        write(`${moveUp(drawn)}${[...lines, '', ...told].join('\n')}\n`)
        drawn = lines.length + 1 + told.length
      }
      before = view
    },
    close() {
      drawn = 0
    },
  }
}

/** To the start of the picture, and clears from there to the end of the screen. */
function moveUp(lines: number): string {
  return lines === 0 ? '' : `\u001b[${lines}A\u001b[J`
}
