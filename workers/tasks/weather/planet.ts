/** The planet of the standard test set (Williamson et al. 1992, J. Comput. Phys. 102, table 1), in SI units. */

/** Mean radius of the Earth, m. */
export const RADIUS = 6.37122e6;
/** Rotation rate of the Earth, 1/s. */
export const ROTATION = 7.292e-5;
/** Gravity, m/s². */
export const GRAVITY = 9.80616;

export const HOUR_S = 3_600;
export const DAY_S = 86_400;
