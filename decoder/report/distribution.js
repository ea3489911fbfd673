// Distributions as runs files have them: base64 of varints, a step of bucket index and a count each (decoder/README.md).

const kHalfBuckets = 1024;  // exact below twice as many; then so many to a power of two

function bucketsOf(text) {
  const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  const buckets = [];
  let at = 0, index = 0;
  const varint = () => {
    let value = 0n, shift = 0n, byte;
    do {
      byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
    } while (byte & 0x80);
    return value;
  };
  while (at < bytes.length) {
    const zigzag = varint();
    index += Number((zigzag >> 1n) ^ -(zigzag & 1n));
    buckets.push({index, count: Number(varint())});
  }
  return buckets;
}

// The least and the greatest value of a bucket.
function boundsOf(index) {
  const place = Math.abs(index);
  let low = place, high = place;
  if (place >= 2 * kHalfBuckets) {
    const shift = Math.floor(place / kHalfBuckets) - 1;
    low = (place - shift * kHalfBuckets) * 2 ** shift;
    high = low + 2 ** shift - 1;
  }
  return index < 0 ? [-high, -low] : [low, high];
}

// {min, max, count, buckets: [{low, high, far, count}]} or null; percentiles are told by the end that is far from 0.
function distribution(json) {
  if (!json || !json.histogram || !json.count) return null;
  const clamp = value => Math.min(Math.max(value, json.min), json.max);
  const buckets = bucketsOf(json.histogram).map(({index, count}) => {
    const [low, high] = boundsOf(index);
    return {low: clamp(low), high: clamp(high), far: clamp(index < 0 ? low : high), count};
  });
  return {...json, buckets};
}

// Points of the percentile curve: x is 1 / (1 - q), as HdrHistogram plots it.
function percentileCurve(values) {
  const points = [];
  let below = 0;
  for (const {far, count} of values.buckets) {
    below += count;
    const left = values.count - below;
    points.push({x: left > 0 ? values.count / left : values.count * 2, y: far, q: below / values.count});
    if (points.length === 1 && below < values.count) points.unshift({x: 1, y: values.min, q: 0});
  }
  return points;
}

// As many bars as there is room for, of equal width on a logarithmic axis (linear when there are values below 1).
function bars(values, most = 60) {
  const log = values.min >= 1 && values.max / values.min > 8;
  const forward = log ? Math.log : value => value, back = log ? Math.exp : value => value;
  const from = forward(values.min), width = Math.max((forward(values.max) - from) / most, 1e-12);
  const found = Array.from({length: most}, (_, i) => ({low: back(from + i * width), high: back(from + (i + 1) * width), count: 0}));
  for (const {low, high, count} of values.buckets) {
    const place = Math.floor((forward((low + high) / 2) - from) / width);
    found[Math.min(Math.max(place, 0), most - 1)].count += count;
  }
  return {log, bars: values.min === values.max ? [{low: values.min, high: values.max, count: values.count}] : found};
}
