using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

internal sealed partial class ReferenceBackend
{
    // Linear maps: every one through the explicit W + Δ

    public override Tensor Linear(Tensor x, WeightMatrix weight, KroneckerSum? delta = null) =>
        TimesTransposed(x, Sum(weight, delta), weight.Rows, weight.Columns);

    public override Tensor LinearInputGradient(Tensor dy, WeightMatrix weight, KroneckerSum? delta = null) =>
        Times(dy, Sum(weight, delta), weight.Rows, weight.Columns);

    public override void AccumulateWeightGradient(Tensor dy, Tensor x, Tensor weightGradient)
    {
        RequireShape(weightGradient, dy.Columns, x.Columns);
        var product = TransposedTimes(dy, x);
        var target = Values(weightGradient);
        for (var i = 0; i < target.Length; i++)
            target[i] += product[i];
    }

    public override Tensor Expand(WeightMatrix weight, KroneckerSum? delta = null) =>
        Own(TensorKind.Parameter, Sum(weight, delta), weight.Rows, weight.Columns);

    public override Tensor RowNorms(WeightMatrix weight, KroneckerSum? delta = null) => Own(
        TensorKind.Parameter,
        [.. Sum(weight, delta).Chunk(weight.Columns).Select(row => Math.Sqrt(row.Sum(v => v * v)))],
        weight.Rows);

    // Kronecker products: every one through the explicit Δ

    public override Tensor KroneckerProduct(Tensor x, KroneckerSum delta) =>
        TimesTransposed(x, Form(delta), delta.Rows, delta.Columns);

    public override Tensor KroneckerInputGradient(Tensor dy, KroneckerSum delta) =>
        Times(dy, Form(delta), delta.Rows, delta.Columns);

    public override void AccumulateKroneckerGradients(Tensor x, Tensor dy, KroneckerSum delta, KroneckerGradients gradients)
    {
        RequireShape(x, dy.Rows, delta.Columns);
        RequireShape(dy, x.Rows, delta.Rows);
        var dense = TransposedTimes(dy, x);
        var coefficients = Values(delta.Coefficients);
        for (var g = 0; g < delta.Groups.Count; g++)
        {
            var group = delta.Groups[g];
            var (left, right) = gradients.Groups[g];
            Require(left is null || group.Left is not null, "An identity has no gradient.");
            ForEachElement(group, delta.Columns, (filter, at, a, aIndex, b, bIndex) =>
            {
                if (gradients.Coefficients is not null)
                    Values(gradients.Coefficients)[filter] += dense[at] * a * b;
                if (left is not null)
                    Values(left)[aIndex] += dense[at] * coefficients[filter] * b;
                if (right is not null)
                    Values(right)[bIndex] += dense[at] * coefficients[filter] * a;
            });
        }
    }

    // Hadamard products: the explicit matrix

    public override WeightMatrix Hadamard(WeightMatrix weight, Tensor left, Tensor right, float offset)
    {
        Require(left.Length == (long)right.Rows * weight.Rows && right.Columns == weight.Columns, "The factors do not make the weight's shape.");
        var (w, l, r, product) = (Values(weight), Values(left), Values(right), new double[weight.Rows * weight.Columns]);
        for (var o = 0; o < weight.Rows; o++)
            for (var i = 0; i < weight.Columns; i++)
            {
                var sum = (double)offset;
                for (var k = 0; k < right.Rows; k++)
                    sum += l[k * weight.Rows + o] * r[k * weight.Columns + i];
                product[o * weight.Columns + i] = w[o * weight.Columns + i] * sum;
            }
        return new ReferenceWeight(weight.Rows, weight.Columns, product);
    }

    public override void AccumulateHadamardGradients(
        Tensor x, Tensor dy, WeightMatrix weight, Tensor left, Tensor right, Tensor leftGradient, Tensor rightGradient)
    {
        var (dense, w) = (TransposedTimes(dy, x), Values(weight));
        for (var k = 0; k < right.Rows; k++)
            for (var o = 0; o < weight.Rows; o++)
                for (var i = 0; i < weight.Columns; i++)
                {
                    var d = dense[o * weight.Columns + i] * w[o * weight.Columns + i];
                    Values(leftGradient)[k * weight.Rows + o] += d * Values(right)[k * weight.Columns + i];
                    Values(rightGradient)[k * weight.Columns + i] += d * Values(left)[k * weight.Rows + o];
                }
    }

    /// <summary>Σᵢ cᵢ · Aᵢ ⊗ Bᵢ as a matrix.</summary>
    public static double[] Form(KroneckerSum delta)
    {
        var dense = new double[delta.Rows * delta.Columns];
        var coefficients = Values(delta.Coefficients);
        foreach (var group in delta.Groups)
        {
            Require(group.Shape.Rows == delta.Rows && group.Shape.Columns == delta.Columns, $"{group.Shape} does not fit the map.");
            ForEachElement(group, delta.Columns, (filter, at, a, _, b, _) => dense[at] += coefficients[filter] * a * b);
        }
        return dense;
    }

    private delegate void ElementAction(int filter, int at, double a, int aIndex, double b, int bIndex);

    /// <summary>Visits each pair of factor elements: <c>(A ⊗ B)[i·m_b + k, j·n_b + l] = A[i, j] · B[k, l]</c>, <c>at</c> being the flat position.</summary>
    private static void ForEachElement(KroneckerGroup group, int columns, ElementAction action)
    {
        var (mA, nA, mB, nB) = group.Shape;
        Require(group.Left is not null || mA == nA, "Only a square left factor can be the identity.");
        for (var filter = 0; filter < group.Count; filter++)
            for (var i = 0; i < mA; i++)
                for (var j = 0; j < nA; j++)
                    for (var k = 0; k < mB; k++)
                        for (var l = 0; l < nB; l++)
                        {
                            var aIndex = (filter * mA + i) * nA + j;
                            var bIndex = (filter * mB + k) * nB + l;
                            var a = group.Left is null ? (i == j ? 1.0 : 0.0) : Values(group.Left)[aIndex];
                            var at = (i * mB + k) * columns + j * nB + l;
                            action(group.First + filter, at, a, aIndex, Values(group.Right)[bIndex], bIndex);
                        }
    }

    private static double[] Sum(WeightMatrix weight, KroneckerSum? delta)
    {
        var sum = (double[])Values(weight).Clone();
        if (delta is null)
            return sum;
        Require(delta.Rows == weight.Rows && delta.Columns == weight.Columns, "The Kronecker sum has another shape than the weight.");
        var dense = Form(delta);
        for (var i = 0; i < sum.Length; i++)
            sum[i] += dense[i];
        return sum;
    }

    /// <summary>x Wᵀ for W [rows, columns].</summary>
    private ReferenceTensor TimesTransposed(Tensor x, double[] w, int rows, int columns)
    {
        RequireShape(x, x.Rows, columns);
        var (input, y) = (Values(x), new double[x.Rows * rows]);
        for (var t = 0; t < x.Rows; t++)
            for (var o = 0; o < rows; o++)
                for (var i = 0; i < columns; i++)
                    y[t * rows + o] += input[t * columns + i] * w[o * columns + i];
        return Own(TensorKind.Activation, y, x.Rows, rows);
    }

    /// <summary>x W for W [rows, columns].</summary>
    private ReferenceTensor Times(Tensor x, double[] w, int rows, int columns)
    {
        RequireShape(x, x.Rows, rows);
        var (input, y) = (Values(x), new double[x.Rows * columns]);
        for (var t = 0; t < x.Rows; t++)
            for (var o = 0; o < rows; o++)
                for (var i = 0; i < columns; i++)
                    y[t * columns + i] += input[t * rows + o] * w[o * columns + i];
        return Own(TensorKind.Activation, y, x.Rows, columns);
    }

    /// <summary>aᵀ b for a [tokens, m] and b [tokens, n].</summary>
    private static double[] TransposedTimes(Tensor a, Tensor b)
    {
        Require(a.Rows == b.Rows, "Both have one row for each token.");
        var (left, right, product) = (Values(a), Values(b), new double[a.Columns * b.Columns]);
        for (var t = 0; t < a.Rows; t++)
            for (var o = 0; o < a.Columns; o++)
                for (var i = 0; i < b.Columns; i++)
                    product[o * b.Columns + i] += left[t * a.Columns + o] * right[t * b.Columns + i];
        return product;
    }
}
