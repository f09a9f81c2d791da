import { Command, CommanderError } from 'commander'
import { packageVersion } from '../packageRoot.js'
import { addBench } from './bench.js'
import { addClassify } from './classify.js'
import { addDemo } from './demo.js'
import { addDoctor } from './doctor.js'
import { addEvaluate } from './evaluate.js'
import { addInspect } from './inspect.js'
import { Interrupted } from './interrupt.js'
import { printError } from './output.js'
import { addPack } from './pack.js'
import { addPlan } from './plan.js'
import { addSummary } from './summary.js'
import { addTrain } from './train.js'

/** `failure` and `usage` after an error; a signal's own codes are in interrupt.ts. */
const exitCodes = { success: 0, failure: 1, usage: 2 } as const

function createProgram(): Command {
  const program = new Command('googlenet')
    .description('Trains and runs GoogLeNet, an image classifier, on your own pictures.')
    .version(packageVersion, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'explain the command')
    .helpCommand('help [command]', 'explain a command')
    .showHelpAfterError(false)
    .exitOverride()
    // Errors are printed below, all in one form.
    .configureOutput({ outputError: () => {} })
    .addHelpText(
      'after',
      `
Begin with:
  googlenet demo                             train on the drawings that come along (about a minute)
  googlenet train pictures/ --out run/       train on yours: one folder of JPEG or PNG files a class
  googlenet classify run/ holiday.jpg        ask the network what a picture shows
  googlenet doctor                           see what this machine has, and what is missing`,
    )
  addTrain(program)
  addEvaluate(program)
  addClassify(program)
  addDemo(program)
  addInspect(program)
  addPack(program)
  addSummary(program)
  addPlan(program)
  addBench(program)
  addDoctor(program)
  return program
}

/** Runs the command line's arguments; resolves to the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync(args, { from: 'user' })
    return process.exitCode === undefined ? exitCodes.success : Number(process.exitCode)
  } catch (error) {
    if (error instanceof Interrupted) return error.exitCode
    if (error instanceof CommanderError) return afterParsing(error, args)
    const { code = 'ERR_GOOGLENET_INTERNAL', message = String(error) } = error as {
      code?: string
      message?: string
    }
    printError(code, message)
    if (process.env.GOOGLENET_DEBUG) console.error(error)
    return code === 'ERR_GOOGLENET_OPTION' ? exitCodes.usage : exitCodes.failure
  }
}

/** Help and the version end in this way too. */
function afterParsing(error: CommanderError, args: readonly string[]): number {
  if (error.exitCode === 0) return exitCodes.success
  if (error.code === 'commander.help') return exitCodes.usage
  const command = createProgram()
    .commands.find((one) => one.name() === args[0])
    ?.name()
  printError(
    'ERR_GOOGLENET_OPTION',
    `${error.message.replace(/^error: /, '')}\nSee: googlenet ${command ? `${command} ` : ''}--help`,
  )
  return exitCodes.usage
}
