/** What a benchmark says: a table for people, JSON for bench/results. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const resultsFolder = fileURLToPath(new URL('results', import.meta.url))

export function describeMachine() {
  return { cpu: cpus()[0].model, cores: availableParallelism(), date: new Date().toISOString() }
}

export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** `ratio` of ours to the fastest way of each peer. */
export function printTables({ machine, versions, cases, memory, loader }) {
  console.log(`\n${machine.cpu}, ${machine.cores} cores`)
  if (Object.keys(versions).length > 0) {
    console.log(
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    )
  }
  const rows = cases.map(({ task, batch, precision, results }) => {
    const [ours, pytorch, onnxruntime] = ['googlenet', 'PyTorch', 'ONNX Runtime'].map((name) =>
      fastest(results.filter(({ label }) => label.startsWith(name))),
    )
    return [
      `${task}, batch ${batch}, ${precision}`,
      rate(ours),
      rate(pytorch),
      ratio(ours, pytorch),
      pytorch?.label.split(' ')[1] ?? '',
      rate(onnxruntime),
      ratio(ours, onnxruntime),
    ]
  })
  if (rows.length > 0) {
    print(['images a second', 'googlenet', 'PyTorch', 'ratio', '', 'ONNX Runtime', 'ratio'], rows)
  }
  if (memory.length > 0) {
    const megabytes = memory.map(({ label, bytes }) => [label, `${(bytes / 1e6).toFixed(0)} MB`])
    print(['peak memory, training, batch 32, fp32', ''], megabytes)
  }
  printLoader(loader)
}

/** What bench/loader.mjs measured, with the ratio to each peer. */
export function printLoader(rows) {
  if (rows.length === 0) return
  const names = Object.keys(rows[0].peers)
  print(
    ['images a second', 'googlenet', 'fast', 'packed', ...names.flatMap((name) => [name, 'ratio'])],
    rows.map(({ name, ours, fast, packed, peers }) => [
      name,
      ours.toFixed(0),
      fast.toFixed(0),
      packed.toFixed(0),
      ...names.flatMap((peer) => [peers[peer].toFixed(0), (ours / peers[peer]).toFixed(2)]),
    ]),
  )
}

/** Writes the report and returns the file's path. */
export function save(report, { folder = resultsFolder, name = report.machine.date.slice(0, 10) } = {}) {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${name}.json`)
  writeFileSync(`${file}.part`, `${JSON.stringify(report, null, 2)}\n`)
  renameSync(`${file}.part`, file)
  return file
}

function fastest(results) {
  return results.toSorted((a, b) => b.imagesPerSecond - a.imagesPerSecond)[0]
}

function rate(result) {
  return result ? result.imagesPerSecond.toFixed(1) : ''
}

function ratio(ours, peer) {
  return ours && peer ? (ours.imagesPerSecond / peer.imagesPerSecond).toFixed(2) : ''
}

/** Columns of equal width, the first to the left. */
export function print(head, rows) {
  const table = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...table.map((row) => row[column].length)))
  console.log()
  for (const row of table) {
    console.log(
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '),
    )
  }
}
