// What a promise rejects with; `undefined` when it does not.
export async function faultOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
    return undefined
  } catch (error) {
    return error
  }
}
