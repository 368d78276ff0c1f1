// Zod schema → the structural OpenAPI v3 subset that CustomResourceDefinitions take (runtime notes
// 6.3).
import { z } from 'zod'

/** A node of an OpenAPI schema. */
export type SchemaNode = Record<string, unknown>

/** Turns a schema into what goes below `openAPIV3Schema`; defaulted fields are not required. */
export function structuralSchema(schema: z.ZodType): SchemaNode {
  const converted = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    reused: 'inline',
    cycles: 'throw',
    override: ({ jsonSchema }) => restrict(jsonSchema as SchemaNode),
  })
  // A copy through text: zod attaches members that do not belong into a manifest.
  const plain = JSON.parse(JSON.stringify(converted)) as SchemaNode
  delete plain['$schema']
  return plain
}

function restrict(node: SchemaNode): void {
  if (node['x-kubernetes-int-or-string'] === true) {
    delete node['anyOf']
    delete node['type']
  }
  if (node['additionalProperties'] === false || 'properties' in node)
    delete node['additionalProperties']
  delete node['propertyNames']
  if (node['type'] === 'integer') restrictInteger(node)
}

function restrictInteger(node: SchemaNode): void {
  if (node['minimum'] === Number.MIN_SAFE_INTEGER) delete node['minimum']
  if (node['maximum'] === Number.MAX_SAFE_INTEGER) delete node['maximum']
  node['format'] ??= 'int64'
}
