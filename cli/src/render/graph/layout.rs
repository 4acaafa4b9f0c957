//! Where boxes stand and arrows run: columns from left to right, few crossings, nothing overlaps.
//!
//! The usual four steps for layered drawings: break cycles, give every box a column, order each
//! column, set heights. An arrow that passes a column, and the label of an arrow, take a place in
//! it like a box, so that neither runs under a box nor over another label.

/// Width and height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A box to place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) size: Size,
    /// The leftmost column it may stand in. Used when no arrow leads to it.
    pub(super) column_min: usize,
}

/// An arrow to run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrow {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Size of its label.
    pub(super) label: Option<Size>,
}

/// A rectangle by its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rectangle {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) size: Size,
}

impl Rectangle {
    pub(super) fn middle(&self) -> f64 {
        self.y + self.size.height / 2.0
    }

    pub(super) fn right(&self) -> f64 {
        self.x + self.size.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.y + self.size.height
    }
}

/// How an arrow runs.
#[derive(Clone, Debug)]
pub(super) struct Course {
    /// From its tail to its head; horizontal at each of them.
    pub(super) points: Vec<(f64, f64)>,
    pub(super) label: Option<Rectangle>,
}

/// The finished drawing.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) items: Vec<Rectangle>,
    pub(super) courses: Vec<Course>,
    pub(super) size: Size,
}

/// Vertical space between two boxes, and between anything and a passing arrow.
const GAP: f64 = 22.0;
/// Horizontal space between a column of boxes and the next column of anything.
const COLUMN_GAP: f64 = 38.0;
/// Height that a passing arrow takes.
const PASSING: f64 = 6.0;
/// Space between two arrows at the same side of a box, at most.
const PORT_GAP: f64 = 12.0;
/// Rounds of improvement. More change nothing visible on graphs of a hundred boxes.
const ROUNDS: usize = 24;

/// Something that takes a place in a column: a box, a label, or a passing arrow.
#[derive(Debug)]
struct Vertex {
    column: usize,
    size: Size,
    left: Vec<usize>,
    right: Vec<usize>,
    /// Of its middle.
    y: f64,
}

impl Vertex {
    fn is_passing(&self) -> bool {
        self.size.width == 0.0
    }
}

/// Places the boxes and runs the arrows. Boxes are made as wide as the widest of their column.
pub(super) fn layout(items: &[Item], arrows: &[Arrow]) -> Layout {
    let backward = backward(items.len(), arrows);
    let columns = columns(items, arrows, &backward);
    let width_of = |column: usize| {
        let same = items
            .iter()
            .zip(&columns)
            .filter(|(_, other)| **other == column);
        same.map(|(item, _)| item.size.width).fold(0.0, f64::max)
    };
    let mut vertices: Vec<Vertex> = items
        .iter()
        .zip(&columns)
        .map(|(item, column)| Vertex {
            // The columns between are for labels.
            column: 2 * column,
            size: Size {
                width: width_of(*column),
                height: item.size.height,
            },
            left: Vec::new(),
            right: Vec::new(),
            y: 0.0,
        })
        .collect();
    let chains: Vec<Vec<usize>> = arrows
        .iter()
        .zip(&backward)
        .map(|(arrow, backward)| chain(arrow, *backward, &mut vertices))
        .collect();
    let mut order = in_columns(&vertices);
    reduce_crossings(&mut order, &vertices);
    set_heights(&order, &mut vertices);
    let left = column_positions(&order, &vertices);
    let rectangle = |vertex: &Vertex| {
        let (x, width) = left[vertex.column];
        Rectangle {
            x: x + (width - vertex.size.width) / 2.0,
            y: vertex.y - vertex.size.height / 2.0,
            size: vertex.size,
        }
    };
    let mut rectangles: Vec<Rectangle> = vertices.iter().map(rectangle).collect();
    let top = rectangles.iter().map(|r| r.y).fold(f64::INFINITY, f64::min);
    for rectangle in &mut rectangles {
        rectangle.y -= top;
    }
    let courses = arrows
        .iter()
        .zip(&chains)
        .zip(&backward)
        .map(|((arrow, chain), backward)| {
            course(
                arrow,
                chain,
                *backward,
                &rectangles,
                &vertices,
                &chains,
                &left,
            )
        })
        .collect();
    let height = rectangles.iter().map(Rectangle::bottom).fold(0.0, f64::max);
    let width = left.last().map_or(0.0, |(x, width)| x + width);
    rectangles.truncate(items.len());
    Layout {
        items: rectangles,
        courses,
        size: Size { width, height },
    }
}

/// Which arrows run from right to left, because they close a cycle.
fn backward(items: usize, arrows: &[Arrow]) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    fn visit(item: usize, arrows: &[Arrow], states: &mut [State], backward: &mut [bool]) {
        states[item] = State::Open;
        for (number, arrow) in arrows.iter().enumerate().filter(|(_, a)| a.from == item) {
            match states[arrow.to] {
                State::Open => backward[number] = true,
                State::New => visit(arrow.to, arrows, states, backward),
                State::Done => {}
            }
        }
        states[item] = State::Done;
    }
    let mut states = vec![State::New; items];
    let mut backward = vec![false; arrows.len()];
    // Where nothing leads to is where a reader begins.
    let entries = (0..items).filter(|item| arrows.iter().all(|arrow| arrow.to != *item));
    for item in entries.chain(0..items) {
        if states[item] == State::New {
            visit(item, arrows, &mut states, &mut backward);
        }
    }
    backward
}

/// The column of every item: right of everything that leads to it.
fn columns(items: &[Item], arrows: &[Arrow], backward: &[bool]) -> Vec<usize> {
    let mut columns: Vec<usize> = items.iter().map(|item| item.column_min).collect();
    // Without cycles the longest way has fewer arrows than there are items.
    for _ in 0..items.len() {
        let mut changed = false;
        for (arrow, backward) in arrows.iter().zip(backward) {
            let (from, to) = ends(arrow, *backward);
            if columns[to] <= columns[from] {
                columns[to] = columns[from] + 1;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    columns
}

/// The ends of an arrow, the left one first.
fn ends(arrow: &Arrow, backward: bool) -> (usize, usize) {
    match backward {
        true => (arrow.to, arrow.from),
        false => (arrow.from, arrow.to),
    }
}

/// Makes the vertices an arrow passes, from left to right, and connects them.
fn chain(arrow: &Arrow, backward: bool, vertices: &mut Vec<Vertex>) -> Vec<usize> {
    let (from, to) = ends(arrow, backward);
    let (first, last) = (vertices[from].column, vertices[to].column);
    // Beside its tail, where it is read with the box that the arrow comes from.
    let label_column = if backward { last - 1 } else { first + 1 };
    let mut chain = vec![from];
    for column in first + 1..last {
        let passing = Size {
            width: 0.0,
            height: PASSING,
        };
        vertices.push(Vertex {
            column,
            size: match arrow.label {
                Some(label) if column == label_column => label,
                _ => passing,
            },
            left: Vec::new(),
            right: Vec::new(),
            y: 0.0,
        });
        chain.push(vertices.len() - 1);
    }
    chain.push(to);
    for pair in chain.windows(2) {
        vertices[pair[0]].right.push(pair[1]);
        vertices[pair[1]].left.push(pair[0]);
    }
    chain
}

fn in_columns(vertices: &[Vertex]) -> Vec<Vec<usize>> {
    let count = vertices
        .iter()
        .map(|vertex| vertex.column + 1)
        .max()
        .unwrap_or(0);
    let mut order = vec![Vec::new(); count];
    for (number, vertex) in vertices.iter().enumerate() {
        order[vertex.column].push(number);
    }
    order
}

/// Orders each column by the mean position of its neighbours, to and fro, and keeps the best.
fn reduce_crossings(order: &mut Vec<Vec<usize>>, vertices: &[Vertex]) {
    let mut best = (crossings(order, vertices), order.clone());
    for round in 0..ROUNDS {
        let forward = round % 2 == 0;
        let columns: Vec<usize> = match forward {
            true => (0..order.len()).collect(),
            false => (0..order.len()).rev().collect(),
        };
        for column in columns {
            let positions = positions(order, vertices.len());
            let key = |vertex: &usize| {
                let neighbours = match forward {
                    true => &vertices[*vertex].left,
                    false => &vertices[*vertex].right,
                };
                match neighbours.len() {
                    0 => positions[*vertex],
                    count => neighbours.iter().map(|n| positions[*n]).sum::<f64>() / count as f64,
                }
            };
            order[column].sort_by(|a, b| key(a).total_cmp(&key(b)));
        }
        let count = crossings(order, vertices);
        if count < best.0 {
            best = (count, order.clone());
        }
    }
    *order = best.1;
}

/// The place of every vertex in its column, as a fraction: columns differ in length.
fn positions(order: &[Vec<usize>], count: usize) -> Vec<f64> {
    let mut positions = vec![0.0; count];
    for column in order {
        for (at, vertex) in column.iter().enumerate() {
            positions[*vertex] = (at as f64 + 0.5) / column.len() as f64;
        }
    }
    positions
}

fn crossings(order: &[Vec<usize>], vertices: &[Vertex]) -> usize {
    let positions = positions(order, vertices.len());
    let mut count = 0;
    for column in order {
        let lines: Vec<(f64, f64)> = column
            .iter()
            .flat_map(|from| vertices[*from].right.iter().map(move |to| (from, to)))
            .map(|(from, to)| (positions[*from], positions[*to]))
            .collect();
        for (at, a) in lines.iter().enumerate() {
            count += lines[at + 1..]
                .iter()
                .filter(|b| (a.0 - b.0) * (a.1 - b.1) < 0.0)
                .count();
        }
    }
    count
}

/// Moves every vertex towards the mean of its neighbours, as near as its column allows.
fn set_heights(order: &[Vec<usize>], vertices: &mut [Vertex]) {
    for column in order {
        let wanted = vec![0.0; column.len()];
        place(column, &wanted, vertices);
    }
    for round in 0..2 * ROUNDS {
        let columns: Vec<usize> = match round % 2 == 0 {
            true => (0..order.len()).collect(),
            false => (0..order.len()).rev().collect(),
        };
        for column in columns {
            let wanted: Vec<f64> = order[column]
                .iter()
                .map(|vertex| wanted(*vertex, vertices))
                .collect();
            place(&order[column], &wanted, vertices);
        }
    }
}

fn wanted(vertex: usize, vertices: &[Vertex]) -> f64 {
    let Vertex { left, right, y, .. } = &vertices[vertex];
    let (mut sum, mut weights) = (0.0, 0.0);
    for neighbour in left.iter().chain(right) {
        // A long arrow shall be straight rather than a short one level.
        let weight = match (
            vertices[vertex].is_passing(),
            vertices[*neighbour].is_passing(),
        ) {
            (true, true) => 8.0,
            (false, false) => 1.0,
            _ => 2.0,
        };
        sum += weight * vertices[*neighbour].y;
        weights += weight;
    }
    if weights == 0.0 { *y } else { sum / weights }
}

/// Sets a column's heights as near to the wanted ones as order and gaps allow (least squares: what
/// wants to overlap is pooled and moves together).
fn place(column: &[usize], wanted: &[f64], vertices: &mut [Vertex]) {
    // The lowest possible middle of each, counted from the first: what is left is to be increasing.
    let mut offsets = Vec::new();
    let mut offset = 0.0;
    for (at, vertex) in column.iter().enumerate() {
        let height = vertices[*vertex].size.height;
        if at > 0 {
            offset += vertices[column[at - 1]].size.height / 2.0 + GAP + height / 2.0;
        }
        offsets.push(offset);
    }
    // Pools of neighbours: sum of what they want, and how many they are.
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (wanted, offset) in wanted.iter().zip(&offsets) {
        pools.push((wanted - offset, 1));
        while let [.., (a, a_count), (b, b_count)] = pools[..]
            && a / a_count as f64 >= b / b_count as f64
        {
            pools.truncate(pools.len() - 2);
            pools.push((a + b, a_count + b_count));
        }
    }
    let heights = pools
        .iter()
        .flat_map(|(sum, count)| std::iter::repeat_n(sum / *count as f64, *count));
    for ((vertex, offset), height) in column.iter().zip(&offsets).zip(heights) {
        vertices[*vertex].y = height + offset;
    }
}

/// Left edge and width of every column.
fn column_positions(order: &[Vec<usize>], vertices: &[Vertex]) -> Vec<(f64, f64)> {
    let mut x = 0.0;
    let mut columns = Vec::new();
    for (number, column) in order.iter().enumerate() {
        let width = column
            .iter()
            .map(|vertex| vertices[*vertex].size.width)
            .fold(0.0, f64::max);
        if number > 0 {
            x += COLUMN_GAP;
        }
        columns.push((x, width));
        x += width;
    }
    columns
}

/// The points of an arrow: from the side of its tail, along the columns it passes, to its head.
fn course(
    arrow: &Arrow,
    chain: &[usize],
    backward: bool,
    rectangles: &[Rectangle],
    vertices: &[Vertex],
    chains: &[Vec<usize>],
    columns: &[(f64, f64)],
) -> Course {
    let (first, last) = (chain[0], chain[chain.len() - 1]);
    let mut points = vec![(
        rectangles[first].right(),
        port(first, chain, true, rectangles, chains),
    )];
    let mut label = None;
    for vertex in &chain[1..chain.len() - 1] {
        let (x, width) = columns[vertices[*vertex].column];
        let y = rectangles[*vertex].middle();
        points.push((x, y));
        points.push((x + width, y));
        if vertices[*vertex].size.width > 0.0 && arrow.label.is_some() {
            label = Some(rectangles[*vertex]);
        }
    }
    points.push((
        rectangles[last].x,
        port(last, chain, false, rectangles, chains),
    ));
    if backward {
        points.reverse();
    }
    Course { points, label }
}

/// The height at which an arrow touches a box: side by side with the others on that side, in the
/// order of where they lead.
fn port(
    item: usize,
    chain: &[usize],
    right: bool,
    rectangles: &[Rectangle],
    chains: &[Vec<usize>],
) -> f64 {
    let next = |chain: &[usize]| match right {
        true => chain[1],
        false => chain[chain.len() - 2],
    };
    let mut neighbours: Vec<usize> = chains
        .iter()
        .filter(|chain| match right {
            true => chain[0] == item,
            false => chain[chain.len() - 1] == item,
        })
        .map(|chain| next(chain))
        .collect();
    neighbours.sort_by(|a, b| rectangles[*a].middle().total_cmp(&rectangles[*b].middle()));
    let at = neighbours
        .iter()
        .position(|neighbour| *neighbour == next(chain))
        .unwrap_or(0);
    let rectangle = &rectangles[item];
    let gap = PORT_GAP.min(rectangle.size.height * 0.7 / neighbours.len() as f64);
    rectangle.middle() + (at as f64 - (neighbours.len() - 1) as f64 / 2.0) * gap
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A random graph of boxes, with cycles.
    fn random(seed: u64) -> (Vec<Item>, Vec<Arrow>) {
        // A linear congruential generator is random enough for boxes.
        let mut state = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut next = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let count = 2 + next(20);
        let items: Vec<Item> = (0..count)
            .map(|_| Item {
                size: Size {
                    width: 40.0 + next(120) as f64,
                    height: 20.0 + next(90) as f64,
                },
                column_min: next(3),
            })
            .collect();
        let arrows = (0..next(30))
            .filter_map(|_| {
                let (from, to) = (next(count), next(count));
                let label = (next(2) == 0).then(|| Size {
                    width: 20.0 + next(60) as f64,
                    height: 14.0,
                });
                (from != to).then_some(Arrow { from, to, label })
            })
            .collect();
        (items, arrows)
    }

    fn overlap(a: &Rectangle, b: &Rectangle) -> bool {
        a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom()
    }

    #[test]
    fn nothing_overlaps_and_everything_is_inside() {
        for seed in 0..300 {
            let (items, arrows) = random(seed);
            let layout = layout(&items, &arrows);
            let labels = layout.courses.iter().filter_map(|course| course.label);
            let all: Vec<Rectangle> = layout.items.iter().copied().chain(labels).collect();
            assert_eq!(
                all.len() - items.len(),
                arrows.iter().filter(|arrow| arrow.label.is_some()).count(),
                "seed {seed}: every label has a place"
            );
            for (at, a) in all.iter().enumerate() {
                assert!(a.x >= 0.0 && a.y >= -1e-9, "seed {seed}");
                assert!(a.right() <= layout.size.width + 1e-9, "seed {seed}");
                assert!(a.bottom() <= layout.size.height + 1e-9, "seed {seed}");
                for b in &all[at + 1..] {
                    assert!(!overlap(a, b), "seed {seed}: {a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn arrows_touch_their_boxes_and_pass_the_others() {
        for seed in 0..300 {
            let (items, arrows) = random(seed);
            let layout = layout(&items, &arrows);
            for (arrow, course) in arrows.iter().zip(&layout.courses) {
                let (tail, head) = (course.points[0], course.points[course.points.len() - 1]);
                for (point, item) in [(tail, arrow.from), (head, arrow.to)] {
                    let r = &layout.items[item];
                    assert!(point.0 == r.x || point.0 == r.right(), "seed {seed}");
                    assert!(point.1 > r.y && point.1 < r.bottom(), "seed {seed}");
                }
                // Between two points the course stays between their columns; at a point it must
                // not be inside of a box.
                for point in &course.points[1..course.points.len() - 1] {
                    let inside = layout.items.iter().any(|r| {
                        point.0 > r.x
                            && point.0 < r.right()
                            && point.1 > r.y
                            && point.1 < r.bottom()
                    });
                    assert!(!inside, "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn a_chain_without_branches_is_straight() {
        let item = Item {
            size: Size {
                width: 50.0,
                height: 30.0,
            },
            column_min: 0,
        };
        let arrow = |from, to| Arrow {
            from,
            to,
            label: None,
        };
        let layout = layout(&[item; 4], &[arrow(0, 1), arrow(1, 2), arrow(2, 3)]);
        assert!(
            layout
                .items
                .iter()
                .all(|r| (r.middle() - layout.items[0].middle()).abs() < 1e-6)
        );
        assert!(
            layout
                .items
                .windows(2)
                .all(|pair| pair[0].right() < pair[1].x)
        );
    }
}
