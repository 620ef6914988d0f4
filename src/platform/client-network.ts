/** All clients whose address is not known count as one. */
const UNKNOWN = "unknown";

const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;
const IPV6 = /^[\da-f:.]{2,45}$/i;

/**
 * The key by which a limit per address counts. An IPv6 client has a whole /64 and may use another of its
 * addresses for each request (RFC 8981), so the /64 is the client. An IPv4 address written as IPv6
 * (RFC 4291 §2.5.5.2) is the same client as the plain one.
 * @param address of the header `CF-Connecting-IP`; absent only without Cloudflare in front
 */
export function clientNetwork(address: string | undefined): string {
  if (address === undefined) return UNKNOWN;
  if (IPV4.test(address)) return address;
  const groups = groupsOf(address);
  if (groups === null) return UNKNOWN;
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) return groups.slice(6).flatMap(bytesOf).join(".");
  const network = groups.slice(0, 4).map((group) => group.toString(16));
  return `${network.join(":")}::/64`;
}

/** The eight groups of an IPv6 address; null: the text is no IPv6 address. */
function groupsOf(address: string): number[] | null {
  if (!IPV6.test(address)) return null;
  const url = URL.parse(`http://[${address}]`);
  if (url === null) return null;
  const [head = "", tail] = url.hostname.slice(1, -1).split("::");
  if (tail === undefined) return numbersOf(head);
  const [first, last] = [numbersOf(head), numbersOf(tail)];
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}

function numbersOf(groups: string): number[] {
  return groups === "" ? [] : groups.split(":").map((group) => Number.parseInt(group, 16));
}

function bytesOf(group: number): number[] {
  return [group >> 8, group & 0xff];
}
