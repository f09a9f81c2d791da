/**
 * The first key that an object of a JSON text holds twice; JSON.parse silently keeps the last of them.
 * The text must be valid JSON.
 */
export function findRepeatedKey(text: string): string | undefined {
  const open: Set<string>[] = [] // keys of the objects (and none of the arrays) around the current place
  for (let i = 0; i < text.length; i++) {
    const character = text[i]
    if (character === '{' || character === '[') open.push(new Set())
    else if (character === '}' || character === ']') open.pop()
    else if (character === '"') {
      const begin = i
      i = endOfString(text, begin)
      if (!isFollowedByColon(text, i + 1)) continue
      const key = JSON.parse(text.slice(begin, i + 1)) as string // "\u0061" is "a"
      const keys = open.at(-1)
      if (keys?.has(key)) return key
      keys?.add(key)
    }
  }
  return undefined
}

/** Index of the closing quote of the string that opens at `begin`. */
function endOfString(text: string, begin: number): number {
  let end = begin + 1
  while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1
  return end
}

function isFollowedByColon(text: string, from: number): boolean {
  let i = from
  while (text[i] === ' ' || text[i] === '\n' || text[i] === '\r' || text[i] === '\t') i++
  return text[i] === ':'
}
