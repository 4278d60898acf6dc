//! Student's t distribution, for tests of means whose variance is estimated from few runs.

/// The probability that a value of the distribution lies at least this far from 0, on either side.
pub(super) fn two_sided(t: f64, freedom: f64) -> f64 {
    if t.is_infinite() {
        return 0.0;
    }
    // Abramowitz and Stegun, 26.5.27: the tail is an incomplete beta function.
    incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)
}

/// The quantile that values exceed with this probability, on either side: the inverse of
/// [`two_sided`].
pub(super) fn critical(probability: f64, freedom: f64) -> f64 {
    let mut t = 0.0;
    // The tail is convex, so Newton's method approaches from below and never overshoots.
    for _ in 0..200 {
        let step = (two_sided(t, freedom) - probability) / (2.0 * density(t, freedom));
        t += step;
        if step <= 1e-12 * t {
            break;
        }
    }
    t
}

/// The density of the distribution.
fn density(t: f64, freedom: f64) -> f64 {
    let half = f64::midpoint(freedom, 1.0);
    let scale = ln_gamma(half) - ln_gamma(freedom / 2.0);
    (scale - half * (t * t / freedom).ln_1p()).exp() / (freedom * std::f64::consts::PI).sqrt()
}

/// How far a standard deviation that was estimated with this many degrees of freedom may be too
/// low: the true one is below the estimate times this factor in four of five cases (the upper 80 %
/// limit).
pub(super) fn deviation_factor(freedom: f64) -> f64 {
    // The 20 % quantile of the chi-square distribution, by Wilson and Hilferty's approximation.
    const NORMAL_20: f64 = -0.841_621;
    let part = 2.0 / (9.0 * freedom);
    let quantile = freedom * (1.0 - part + NORMAL_20 * part.sqrt()).max(0.1).powi(3);
    (freedom / quantile).sqrt()
}

/// The regularized incomplete beta function I(x; a, b).
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let factor =
        (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    // The fraction converges fast on one side of the mean; the other side is its mirror.
    match x < (a + 1.0) / (a + b + 2.0) {
        true => factor * beta_fraction(x, a, b) / a,
        false => 1.0 - factor * beta_fraction(1.0 - x, b, a) / b,
    }
}

/// The continued fraction of the incomplete beta function (Abramowitz and Stegun, 26.5.8), by
/// Lentz's method.
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let not_zero = |number: f64| if number.abs() < TINY { TINY } else { number };
    let (mut c, mut d) = (1.0, 1.0 / not_zero(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for step in 1..1_000 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for coefficient in [even, odd] {
            d = 1.0 / not_zero(1.0 + coefficient * d);
            c = not_zero(1.0 + coefficient / c);
            change = c * d;
            fraction *= change;
        }
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    fraction
}

/// The logarithm of the gamma function of a positive number, by Lanczos's approximation (g = 7, 9
/// terms).
fn ln_gamma(number: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if number < 0.5 {
        let pi = std::f64::consts::PI;
        return (pi / (pi * number).sin()).ln() - ln_gamma(1.0 - number);
    }
    let x = number - 1.0;
    let terms = TERMS.iter().zip(1_u8..).map(|(term, index)| term / (x + f64::from(index)));
    let sum = 0.999_999_999_999_809_9 + terms.sum::<f64>();
    let t = x + 7.5;
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quantiles from printed tables and scipy 1.14: two-sided probability, degrees of freedom,
    /// quantile.
    const KNOWN: [(f64, f64, f64); 12] = [
        (0.05, 1.0, 12.706_204_736),
        (0.01, 1.0, 63.656_741_163),
        (0.05, 2.0, 4.302_652_730),
        (0.05, 4.0, 2.776_445_105),
        (0.01, 4.0, 4.604_094_871),
        (0.2, 4.0, 1.533_206_274),
        (0.05, 9.0, 2.262_157_163),
        (0.01, 9.0, 3.249_835_542),
        (0.001, 9.0, 4.780_912_586),
        (0.05, 30.0, 2.042_272_456),
        (0.05, 120.0, 1.979_930_405),
        (0.05, 1e6, 1.959_966_357),
    ];

    #[test]
    fn quantiles_and_probabilities_match_the_tables() {
        for (probability, freedom, quantile) in KNOWN {
            let found = critical(probability, freedom);
            assert!((found / quantile - 1.0).abs() < 1e-6, "{probability} {freedom}: {found}");
            let back = two_sided(quantile, freedom);
            assert!((back / probability - 1.0).abs() < 1e-6, "{probability} {freedom}: {back}");
        }
        assert_eq!(two_sided(0.0, 7.0), 1.0);
        assert_eq!(two_sided(f64::INFINITY, 7.0), 0.0);
    }

    #[test]
    fn with_one_degree_of_freedom_it_is_cauchys_distribution() {
        for t in [0.001, 0.1, 1.0, 3.0, 1e3, 1e6] {
            let exact = 1.0 - 2.0 * f64::atan(t) / std::f64::consts::PI;
            let found = two_sided(t, 1.0);
            assert!((found - exact).abs() < 1e-12 + 1e-6 * exact, "{t}: {found} for {exact}");
        }
    }

    #[test]
    fn fractional_degrees_of_freedom_interpolate() {
        let at = |freedom| critical(0.05, freedom);
        assert!(at(4.0) > at(4.3) && at(4.3) > at(5.0));
    }

    #[test]
    fn the_deviation_factor_matches_chi_square() {
        // The 20 % quantiles of chi-square from printed tables.
        for (freedom, quantile) in [(4.0, 1.648_777), (9.0, 5.380_053), (30.0, 23.364_115)] {
            let factor = deviation_factor(freedom);
            let exact = f64::sqrt(freedom / quantile);
            assert!((factor / exact - 1.0).abs() < 0.01, "{freedom}: {factor} for {exact}");
        }
    }
}
