/**
 * Started by errors.test.ts as `node errors.child.mjs <addon> <JSON of definition and options>`. Prints what
 * Network.create() came to for each of the options, and what system() says.
 */
import { createRequire } from 'node:module'

const [addon, json] = process.argv.slice(2)
const { Network, system } = createRequire(import.meta.url)(addon)
const { definition, options } = JSON.parse(json)

const networks = []
for (const each of options) {
  try {
    const { device, passedOver } = await Network.create(definition, each)
    networks.push({ device, passedOver })
  } catch ({ code, message }) {
    networks.push({ code, message })
  }
}
console.log(JSON.stringify({ networks, cuda: system().cuda }))
