//! What `inet:getstat/2` tells.

/// Packets of one direction.
#[derive(Clone, Copy, Default)]
struct Traffic {
    octets: u64,
    count: u64,
    largest: u64,
    average: f64,
}

impl Traffic {
    fn count(&mut self, size: usize) {
        self.octets += size as u64;
        self.count += 1;
        self.largest = self.largest.max(size as u64);
        self.average += (size as f64 - self.average) / self.count as f64;
    }
}

/// Packets of both directions.
#[derive(Clone, Copy, Default)]
pub(super) struct Statistics {
    received: Traffic,
    /// Average of the differences between a packet's size and the average.
    deviation: f64,
    sent: Traffic,
}

impl Statistics {
    pub(super) fn count_received(&mut self, size: usize) {
        self.received.count(size);
        let difference = size as f64 - self.received.average;
        self.deviation += (difference - self.deviation) / self.received.count as f64;
    }
    pub(super) fn count_sent(&mut self, size: usize) {
        self.sent.count(size);
    }
    /// Answers `getstat`: for each code of the request the code and its value. `None` for a code that there is not.
    pub(super) fn answer(&self, codes: &[u8], pending: usize) -> Option<Vec<u8>> {
        let mut reply = Vec::with_capacity(codes.len() * 5);
        for &code in codes {
            let value = match code {
                1 => self.received.count,
                2 => self.received.largest,
                3 => self.received.average as u64,
                4 => self.deviation.abs() as u64,
                5 => self.sent.count,
                6 => self.sent.largest,
                7 => self.sent.average as u64,
                8 => pending as u64,
                9 => self.received.octets,
                10 => self.sent.octets,
                _ => return None,
            };
            reply.push(code);
            match code {
                9 | 10 => reply.extend(value.to_be_bytes()),
                _ => reply.extend((value as u32).to_be_bytes()),
            }
        }
        Some(reply)
    }
}
