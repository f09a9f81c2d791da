/**
 * Jazzer.js's library is built against glibc 2.38 and libstdc++ 13, and older systems refuse it for three functions:
 * two that read numbers as C23 has them, and one that does nothing where the streams are set up anyway. Here those
 * two versions become wishes, and the functions come from a library of ours that is loaded before.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const versions = ['GLIBC_2.38', 'GLIBCXX_3.4.32']
const source = `#include <stdlib.h>
long __isoc23_strtol(const char *text, char **end, int base) { return strtol(text, end, base); }
unsigned long __isoc23_strtoul(const char *text, char **end, int base) { return strtoul(text, end, base); }
void _ZSt21ios_base_library_initv(void) {}
`

/** The variables under which the library loads here; none on systems that are new enough. */
export function runsOnOlderSystems(library, folder) {
  const [, major, minor] =
    /^(\d+)\.(\d+)/.exec(process.report.getReport().header.glibcVersionRuntime ?? '') ?? []
  if (Number(major) > 2 || Number(minor) >= 38) return {}
  const shim = join(folder, 'older-systems.so')
  if (!existsSync(shim)) {
    // Renamed, not written over: another fuzzer may have it in its memory.
    writeFileSync(`${library}.new`, weakened(readFileSync(library)))
    renameSync(`${library}.new`, library)
    execFileSync('cc', ['-shared', '-fPIC', '-x', 'c', '-', '-o', shim], { input: source })
  }
  return { LD_PRELOAD: shim }
}

/** Marks versions that an ELF library needs (its section of type SHT_GNU_verneed) as weak: VER_FLG_WEAK. */
function weakened(elf) {
  const sectionTable = Number(elf.readBigUInt64LE(40))
  const sections = Array.from({ length: elf.readUInt16LE(60) }, (_, i) => sectionTable + 64 * i)
  const offsetOf = (section) => Number(elf.readBigUInt64LE(section + 24))
  const needed = sections.find((section) => elf.readUInt32LE(section + 4) === 0x6ffffffe)
  const names = offsetOf(sections[elf.readUInt32LE(needed + 40)])
  for (let file = offsetOf(needed), nextFile = 1; nextFile > 0; file += nextFile) {
    nextFile = elf.readUInt32LE(file + 12)
    for (let version = file + elf.readUInt32LE(file + 8), next = 1; next > 0; version += next) {
      next = elf.readUInt32LE(version + 12)
      const begin = names + elf.readUInt32LE(version + 8)
      const name = elf.toString('latin1', begin, elf.indexOf(0, begin))
      if (versions.includes(name)) elf.writeUInt16LE(elf.readUInt16LE(version + 4) | 2, version + 4)
    }
  }
  return elf
}
