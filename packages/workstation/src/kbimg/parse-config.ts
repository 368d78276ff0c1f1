// TOML text → typed configuration for one image type (rules V1–V6, V9, V16, V18, V21 and decision
// 27). Rules that need the machine (files, free space) are in check-machine.ts.
import { parse, TomlError } from 'smol-toml'
import { OsError } from '@kubenest/base/errors'
import { checkSchema, type Table, type UnknownKey } from './check-schema.ts'
import { checkGrammar } from './check-grammar.ts'
import { configError } from './config-error.ts'
import type { BuiltImageType, ImageConfig, ImageType } from './config.ts'
import { readConfig } from './read-config.ts'

const TEXT_LENGTH_MAX = 4_194_304

export interface ParsedConfig {
  readonly config: ImageConfig
  /** Keys that no section documents; an error when `strict`. */
  readonly unknownKeys: readonly UnknownKey[]
}

export interface ParseOptions {
  readonly imageType: ImageType
  readonly architecture: string
  readonly strict: boolean
}

/** Parses and checks a configuration. Throws an `invalid` error with key, value and remedy. */
export function parseConfig(text: string, options: ParseOptions): ParsedConfig {
  const document = parseToml(text)
  const unknownKeys = checkSchema(document)
  const first = unknownKeys[0]
  if (options.strict && first !== undefined) {
    const hint = first.nearest === undefined ? 'remove it' : `did you mean ${first.nearest}?`
    throw configError('unknown-key', first.key, undefined, `no such key is known; ${hint}`)
  }
  const imageType = requireBuiltType(document, options.imageType)
  const config = readConfig(document)
  refuseUnbuilt(document, config, options.architecture)
  if (imageType === 'upgrade-img' && config.repo.upgradeImage === undefined)
    throw configError(
      'missing-key',
      'from_repo.upgrade_img',
      undefined,
      'upgrade-img needs the name of the image to build; add it, for example "kubeos-upgrade:v1"',
    )
  checkGrammar(config, imageType)
  return { config, unknownKeys }
}

function parseToml(text: string): Table {
  if (text.length > TEXT_LENGTH_MAX)
    throw configError(
      'too-large',
      'the file',
      undefined,
      'it is larger than 4 MiB; this is no kbimg configuration',
    )
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof TomlError) && !(error instanceof RangeError)) throw error
    // The parser's message quotes the line, which may hold a password: only the place is told.
    const place = error instanceof TomlError ? `line ${error.line}, column ${error.column}: ` : ''
    const reason = (error.message.split('\n')[0] ?? '').replace('Invalid TOML document: ', '')
    throw new OsError('invalid', {
      code: 'config-syntax',
      message: `Cannot read the configuration: ${place}${reason}; correct the TOML syntax there`,
    })
  }
}

function requireBuiltType(document: Table, imageType: ImageType): BuiltImageType {
  if (imageType === 'pxe-img' || imageType === 'admin-container')
    throw notBuiltYet(imageType, 'use vm-img or upgrade-img')
  if (
    document['from_dockerimg'] !== undefined &&
    document['from_repo'] !== undefined &&
    imageType === 'vm-img'
  )
    throw configError(
      'both-sources',
      'from_dockerimg',
      undefined,
      'from_repo is given too; keep one of them',
    )
  if (
    document['from_dockerimg'] !== undefined &&
    document['from_repo'] === undefined &&
    imageType === 'vm-img'
  )
    throw notBuiltYet('from_dockerimg', 'describe the image with from_repo')
  if (document['from_repo'] === undefined)
    throw configError(
      'missing-section',
      'from_repo',
      undefined,
      `${imageType} needs it; add the section [from_repo]`,
    )
  return imageType
}

function refuseUnbuilt(document: Table, config: ImageConfig, architecture: string): void {
  if (config.repo.legacyBios && architecture === 'aarch64')
    throw configError(
      'legacy-bios',
      'from_repo.legacy_bios',
      true,
      'aarch64 has no legacy BIOS; set it to false',
    )
  if (document['dm_verity'] !== undefined) {
    if (config.repo.legacyBios)
      throw configError(
        'legacy-bios',
        'from_repo.legacy_bios',
        true,
        'dm_verity needs UEFI; set it to false',
      )
    if (document['grub'] === undefined)
      throw configError(
        'missing-section',
        'grub',
        undefined,
        'dm_verity needs it; add the section [grub]',
      )
    throw notBuiltYet('dm_verity', 'remove the section')
  }
  if (config.repo.legacyBios) throw notBuiltYet('from_repo.legacy_bios = true', 'set it to false')
}

/** Something documented whose place is kept but which this version does not make. */
export function notBuiltYet(what: string, remedy: string): OsError {
  return new OsError('invalid', {
    code: 'not-built-yet',
    message: `Cannot make the image: this version of kbimg does not support ${what} yet; ${remedy}`,
  })
}
