//! Labels of a segmentation: a skeleton for each value, by means of masks in which labels that touch are apart.
//!
//! Every value but 0 is the label of an object, and the skeleton of a segmentation is the union of the skeletons of
//! `image == label` over all labels, whether they touch or not. It is computed from a few masks. The labels that touch
//! ([`touching`]: 26 neighbours, 8 in 2-D) are coloured so that two of them never have the same colour ([`colours`]), and
//! each colour is a class: a mask of all voxels whose label has it. A class is thinned and measured like any other mask,
//! and nothing shows that it holds several labels:
//!
//! - **Thinning.** What happens to a voxel depends on its 26 neighbours alone. In the mask of a class, those are voxels of
//!   its own label or background, since labels of one class do not touch. So every label goes through the sub-iterations
//!   as it does alone; when it has come to its end, further passes, which other labels need, change nothing.
//! - **Edges** join neighbours, so within a class they join voxels of one label, and a path, a junction or a pruned branch
//!   belongs to one label. So do connected components.
//! - **Radii.** Let p be a voxel of label L, and q the nearest voxel to p with another value than L. Then q is background
//!   in the class of L as well: take q', the neighbour of q that is one step nearer to p along every axis in which the two
//!   differ. It is strictly nearer to p than q, so it is of label L, and it touches q. If q has a label, it touches L, and
//!   is of another class. The same holds where a region of interest counts as background outside.
//!
//! So nothing depends on the colouring but the time: results are the same for every number of classes, and for every
//! chunking and number of workers.
//!
//! Measures of a label as an object need neither classes nor components: they are sums over its voxels, connected or not
//! ([`parts`]).

pub mod colours;
pub mod parts;
pub mod runs;
pub mod touching;
