//! The bundled portraits: their pixels, faces, and outlines of head and body.

use passerby_types::{BBox, Gender, Landmarks, Point};

/// A person with at least one bundled portrait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScenePerson {
    /// Barack Obama; White House photographs, public domain.
    Obama,
    /// Joe Biden; White House photograph, public domain.
    Biden,
    /// The astronaut Eileen Collins; NASA photograph, public domain.
    Astronaut,
}

impl ScenePerson {
    /// All persons, in the order of [`ScenePerson::index`].
    pub const ALL: [Self; 3] = [Self::Obama, Self::Biden, Self::Astronaut];

    /// Returns the person's index in [`ScenePerson::ALL`], from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Returns a short name in lower case.
    ///
    /// ```
    /// assert_eq!(passerby_capture::Portrait::Obama2.person().name(), "obama");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Obama => "obama",
            Self::Biden => "biden",
            Self::Astronaut => "astronaut",
        }
    }

    /// Returns the person's gender.
    #[must_use]
    pub const fn gender(self) -> Gender {
        match self {
            Self::Obama | Self::Biden => Gender::Male,
            Self::Astronaut => Gender::Female,
        }
    }

    /// Returns the age in years that dlib's age-v1 estimates from the person's first portrait at full size.
    ///
    /// Estimates from a scene should be near it. It isn't the person's age on the day of the photograph. The astronaut's
    /// estimate falls to about 30 before a grey wall, or if the landmarks are wrong by 5 % of the face's width.
    #[must_use]
    pub const fn estimated_age(self) -> f32 {
        match self {
            Self::Obama => 42.4,
            Self::Biden => 70.1,
            Self::Astronaut => 44.7,
        }
    }
}

/// One of the bundled portraits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Portrait {
    /// Obama, frontal, smiling.
    Obama,
    /// Obama, half turned, at a microphone.
    Obama2,
    /// Obama, frontal, lit from behind.
    Obama3,
    /// Biden, frontal, head tilted.
    Biden,
    /// The astronaut, frontal, smiling.
    Astronaut,
}

impl Portrait {
    /// Every portrait: the first of each person, then the others.
    pub const ALL: [Self; 5] = [Self::Obama, Self::Biden, Self::Astronaut, Self::Obama2, Self::Obama3];

    /// Returns the person in the portrait.
    #[must_use]
    pub const fn person(self) -> ScenePerson {
        match self {
            Self::Obama | Self::Obama2 | Self::Obama3 => ScenePerson::Obama,
            Self::Biden => ScenePerson::Biden,
            Self::Astronaut => ScenePerson::Astronaut,
        }
    }

    /// Returns the whole photograph with its background, as the bytes of a JPEG file.
    #[must_use]
    pub const fn jpeg(self) -> &'static [u8] {
        match self {
            Self::Obama => include_bytes!("../../portraits/obama.jpg"),
            Self::Obama2 => include_bytes!("../../portraits/obama2.jpg"),
            Self::Obama3 => include_bytes!("../../portraits/obama3.jpg"),
            Self::Biden => include_bytes!("../../portraits/biden.jpg"),
            Self::Astronaut => include_bytes!("../../portraits/astronaut.jpg"),
        }
    }

    /// Returns the width and height of the photograph in pixels.
    #[must_use]
    pub const fn size(self) -> (u32, u32) {
        self.facts().size
    }

    /// Returns the face's box in pixels of the photograph. CenterFace found it in the full-size original.
    #[must_use]
    pub const fn bbox(self) -> BBox {
        let [x1, y1, x2, y2] = self.facts().bbox;
        BBox::new(x1, y1, x2, y2)
    }

    /// Returns the face's landmarks in pixels of the photograph, from the same source as [`Portrait::bbox`].
    #[must_use]
    pub const fn landmarks(self) -> Landmarks {
        let p = self.facts().landmarks;
        Landmarks([
            Point::new(p[0].0, p[0].1),
            Point::new(p[1].0, p[1].1),
            Point::new(p[2].0, p[2].1),
            Point::new(p[3].0, p[3].1),
            Point::new(p[4].0, p[4].1),
        ])
    }

    /// Returns the outline of head and body in pixels of the photograph. If the body reaches below the photograph, so does the
    /// outline.
    pub(super) const fn outline(self) -> &'static [(i16, i16)] {
        self.facts().outline
    }

    const fn facts(self) -> &'static Facts {
        match self {
            Self::Obama => &OBAMA,
            Self::Obama2 => &OBAMA2,
            Self::Obama3 => &OBAMA3,
            Self::Biden => &BIDEN,
            Self::Astronaut => &ASTRONAUT,
        }
    }
}

/// The annotations of a photograph. Box and landmarks: CenterFace on the original (long side 640, OpenCV resize),
/// moved and scaled by the crop and scale in assets/tools/portraits.py. Outlines: GrabCut (OpenCV), corrected by hand.
struct Facts {
    size: (u32, u32),
    bbox: [f32; 4],
    landmarks: [(f32, f32); 5],
    outline: &'static [(i16, i16)],
}

#[rustfmt::skip]
const OBAMA: Facts = Facts {
    size: (561, 680),
    bbox: [229.6, 56.4, 395.4, 285.7],
    landmarks: [(273.8, 141.6), (356.4, 138.4), (317.2, 180.9), (278.3, 221.3), (349.7, 218.4)],
    outline: &[
        (223, 130), (223, 99), (229, 71), (246, 45), (270, 28), (298, 19), (319, 19), (339, 25), (362, 41),
        (379, 62), (389, 95), (393, 115), (399, 117), (398, 141), (392, 174), (397, 181), (396, 192), (385, 197),
        (377, 226), (371, 238), (371, 256), (383, 263), (401, 282), (416, 285), (470, 308), (501, 317), (526, 336),
        (539, 353), (540, 471), (536, 477), (536, 560), (529, 577), (526, 603), (515, 634), (507, 700), (32, 700),
        (26, 655), (19, 632), (40, 544), (57, 500), (70, 472), (82, 414), (91, 388), (106, 353), (120, 345),
        (168, 321), (197, 312), (242, 287), (253, 273), (251, 253), (241, 195), (224, 192), (213, 164), (211, 138),
    ],
};

#[rustfmt::skip]
const OBAMA2: Facts = Facts {
    size: (376, 558),
    bbox: [120.0, 70.6, 288.7, 311.5],
    landmarks: [(151.6, 152.7), (225.3, 159.6), (170.7, 199.9), (149.3, 240.6), (211.8, 245.3)],
    outline: &[
        (256, 34), (232, 27), (206, 28), (185, 33), (165, 45), (150, 62), (137, 79), (128, 102), (126, 137),
        (118, 145), (123, 207), (133, 259), (141, 279), (141, 291), (118, 305), (7, 340), (-1, 341), (-1, 578),
        (377, 578), (377, 336), (338, 316), (302, 298), (278, 271), (286, 248), (296, 232), (313, 219), (326, 192),
        (327, 169), (316, 163), (312, 131), (310, 93), (300, 71), (281, 49),
    ],
};

#[rustfmt::skip]
const OBAMA3: Facts = Facts {
    size: (572, 666),
    bbox: [232.0, 70.7, 384.6, 270.6],
    landmarks: [(283.1, 143.7), (357.2, 146.3), (323.9, 182.0), (283.3, 215.0), (345.8, 217.4)],
    outline: &[
        (335, 61), (316, 56), (296, 57), (279, 62), (259, 73), (242, 87), (226, 110), (217, 138), (216, 160),
        (207, 160), (201, 167), (198, 182), (206, 211), (214, 218), (229, 219), (231, 244), (236, 254), (237, 280),
        (230, 282), (225, 298), (218, 302), (215, 311), (190, 330), (163, 338), (124, 344), (73, 360), (63, 362),
        (54, 370), (49, 383), (48, 403), (41, 420), (40, 435), (33, 447), (37, 472), (29, 500), (16, 549),
        (9, 587), (9, 608), (19, 632), (22, 686), (477, 686), (502, 686), (516, 686), (535, 637), (536, 626),
        (546, 599), (553, 585), (538, 550), (532, 518), (522, 486), (514, 449), (511, 435), (514, 424), (512, 381),
        (503, 368), (494, 365), (459, 351), (392, 339), (371, 336), (359, 332), (341, 316), (334, 298), (332, 280),
        (347, 264), (366, 236), (376, 236), (387, 208), (387, 184), (382, 177), (383, 129), (378, 110), (368, 93),
        (351, 72),
    ],
};

#[rustfmt::skip]
const BIDEN: Facts = Facts {
    size: (553, 741),
    bbox: [243.2, 89.8, 407.7, 325.9],
    landmarks: [(302.2, 180.4), (377.2, 192.5), (338.1, 231.3), (292.7, 261.6), (356.2, 271.6)],
    outline: &[
        (377, 65), (349, 56), (323, 52), (295, 56), (266, 67), (247, 83), (234, 102), (223, 125), (219, 161),
        (219, 221), (222, 232), (230, 243), (239, 247), (237, 288), (231, 292), (225, 308), (204, 321), (184, 333),
        (125, 340), (81, 349), (46, 360), (35, 366), (23, 393), (21, 421), (24, 433), (23, 454), (24, 475),
        (20, 500), (23, 602), (37, 661), (55, 706), (60, 761), (476, 761), (475, 702), (509, 705), (540, 693),
        (552, 685), (552, 517), (546, 517), (538, 505), (530, 488), (529, 450), (522, 428), (513, 417), (495, 412),
        (466, 394), (451, 388), (424, 380), (399, 376), (382, 361), (368, 329), (368, 312), (385, 294), (393, 271),
        (401, 265), (414, 218), (423, 202), (427, 181), (430, 136), (427, 127), (422, 107), (411, 85), (394, 74),
    ],
};

#[rustfmt::skip]
const ASTRONAUT: Facts = Facts {
    size: (512, 505),
    bbox: [179.8, 61.8, 271.0, 178.0],
    landmarks: [(202.6, 100.4), (249.2, 103.4), (224.5, 123.8), (202.8, 142.1), (242.6, 144.4)],
    outline: &[
        (153, 70), (155, 62), (163, 53), (175, 43), (188, 37), (194, 30), (205, 22), (220, 17), (233, 15),
        (245, 17), (258, 22), (270, 27), (283, 36), (292, 46), (298, 60), (301, 85), (299, 98), (292, 112),
        (282, 125), (275, 133), (269, 138), (264, 149), (257, 162), (257, 174), (275, 186), (295, 207), (304, 232),
        (318, 246), (340, 262), (354, 292), (361, 345), (392, 344), (430, 352), (470, 395), (489, 440), (498, 480),
        (498, 525), (45, 525), (30, 480), (21, 440), (22, 400), (30, 340), (42, 290), (62, 250), (110, 206),
        (114, 190), (130, 170), (152, 154), (183, 149), (182, 134), (176, 130), (172, 122), (167, 115), (158, 106),
        (154, 95),
    ],
};
