/**
 * Started by errors.test.ts as `node errors.child.mjs <addon> <JSON of definition and options> [<module>]`, a module
 * that is not beside the addon. Prints what Network.create() came to for each of the options, and what system() says.
 */
import { createRequire } from 'node:module'

const [addon, json, elsewhere] = process.argv.slice(2)
const { Network, system, useCudaModule } = createRequire(import.meta.url)(addon)
if (elsewhere) useCudaModule(elsewhere)
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
