import { expect, test } from 'bun:test'
import { addFinalizer, removeFinalizer } from './finalizers.ts'

test('addFinalizer() adds once', () => {
  const once = addFinalizer({ name: 'a', finalizers: ['x'] }, 'y')
  expect(once.finalizers).toEqual(['x', 'y'])
  expect(addFinalizer(once, 'y')).toBe(once)
})

test('removeFinalizer() removes only that one', () => {
  const metadata = { name: 'a', finalizers: ['x', 'y'] }
  expect(removeFinalizer(metadata, 'x').finalizers).toEqual(['y'])
  expect(removeFinalizer(metadata, 'z')).toBe(metadata)
})
