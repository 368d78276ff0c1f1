// The second applet of small-program.ts, behind a dynamic import as in the products.
import type { AppletContext } from '@kubenest/base/applet'

export async function smallApplet(context: AppletContext): Promise<number> {
  context.stdout('b\n')
  return 0
}
