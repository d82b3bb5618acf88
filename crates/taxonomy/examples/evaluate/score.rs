//! Counting: precision, recall, and how sure a share is.

/// Right, wrongly said and missed, of one class.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    pub(crate) right: u32,
    pub(crate) wrongly: u32,
    pub(crate) missed: u32,
}

impl Count {
    /// How many postings have the label.
    pub(crate) fn labelled(&self) -> u32 {
        self.right + self.missed
    }

    /// Of what was said, the share that is right; `None` when it was never said.
    pub(crate) fn precision(&self) -> Option<f64> {
        share(self.right, self.right + self.wrongly)
    }

    /// Of what is labelled, the share that was said; `None` when nothing is labelled.
    pub(crate) fn recall(&self) -> Option<f64> {
        share(self.right, self.labelled())
    }

    /// The harmonic mean of both.
    pub(crate) fn f1(&self) -> Option<f64> {
        share(2 * self.right, 2 * self.right + self.wrongly + self.missed)
    }

    /// Takes note of one posting for this class.
    pub(crate) fn note(&mut self, labelled: bool, said: bool) {
        match (labelled, said) {
            (true, true) => self.right += 1,
            (false, true) => self.wrongly += 1,
            (true, false) => self.missed += 1,
            (false, false) => {}
        }
    }
}

pub(crate) fn share(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}

/// The 95% interval of a share by Wilson's formula (Wilson 1927, score interval with z = 1.96).
pub(crate) fn interval(part: u32, whole: u32) -> (f64, f64) {
    if whole == 0 {
        return (0.0, 1.0);
    }
    let (n, z) = (f64::from(whole), 1.96_f64);
    let p = f64::from(part) / n;
    let middle = p + z * z / (2.0 * n);
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    ((middle - spread) / scale, (middle + spread) / scale)
}
