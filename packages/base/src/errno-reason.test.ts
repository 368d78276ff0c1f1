import { describe, expect, test } from 'bun:test'
import { errnoReason } from './errno-reason.ts'

describe('errnoReason()', () => {
  test('tells a remedy for what a person can mend', () => {
    for (const errno of ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS'])
      expect(errnoReason(errno)).toMatch(/; (?:free|see) /)
    expect(errnoReason('EIO')).toContain('EIO')
  })

  test('keeps the name of any other', () => {
    expect(errnoReason('ENXIO')).toBe('ENXIO')
  })
})
