/**
 * One line of the results.
 * @param {{ work: string, ours: { median: number }, peerName: string, peer: { median: number }, most: number }} measured
 *   `most` is the budget: how many times the peer's time ours may be.
 */
export function row({ work, ours, peerName, peer, most }) {
  const ratio = ours.median / peer.median;
  return {
    work,
    ours: Math.round(ours.median),
    peerName,
    peer: Math.round(peer.median),
    ratio: Number(ratio.toFixed(2)),
    budget: `<= ${most}`,
    met: ratio <= most,
  };
}

/** The same line as what it is, where the design has no budget for that. */
export function withoutBudget(line) {
  return { ...line, budget: 'none', met: true };
}
