/** Text in columns under their titles and a rule; columns from `firstNumber` on are set to the right. */
export function table(titles: string[], rows: string[][], firstNumber: number): string {
  const all = [titles, ...rows]
  const widths = titles.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  const line = (row: string[]) =>
    row
      .map((cell, i) => (i < firstNumber ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd()
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width + 2, -2))
  return [line(titles), rule, ...rows.map(line)].join('\n')
}
