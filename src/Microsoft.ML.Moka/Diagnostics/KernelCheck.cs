using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Tensor = Microsoft.ML.Moka.Tensors.Tensor;

namespace Microsoft.ML.Moka.Diagnostics;

/// <summary>
/// Some kernels of a backend beside plain loops in double precision: enough to tell a device that computes wrongly from one that rounds. What a kernel is given
/// is read back from the device first, so that rounding it there counts for nothing.
/// </summary>
internal sealed class KernelCheck : IDisposable
{
    private const int Tokens = 67;
    private const int Inputs = 96;
    private const int Outputs = 80;
    private const int Filters = 3;
    private static readonly FilterShape Shape = new(8, 12, Outputs / 8, Inputs / 12);

    private readonly Backend _backend;
    private readonly List<IDisposable> _inputs = [];
    private readonly List<KernelError> _errors = [];

    private KernelCheck(Backend backend) => _backend = backend;

    /// <summary>How far each kernel is off.</summary>
    public static IReadOnlyList<KernelError> Run(Backend backend)
    {
        using var check = new KernelCheck(backend);
        check.Products();
        check.RowsAndElements();
        check.Attention();
        check.Losses();
        return check._errors;
    }

    public void Dispose() => _inputs.ForEach(input => input.Dispose());

    /// <summary>A weight in NF4, by itself and with filters, both ways, and the gradients of the filters.</summary>
    private void Products()
    {
        var (x, xs) = Input(TensorKind.Activation, "x", Tokens, Inputs);
        var (dy, dys) = Input(TensorKind.Activation, "dy", Tokens, Outputs);
        var stored = Quantizer.Quantize(
            new DenseMatrix(Outputs, Inputs, DenseFormat.Float32, MemoryMarshal.AsBytes(Normal("W", Outputs * Inputs).AsSpan()).ToArray()),
            new(BackboneQuantization.NF4), "W");
        var weight = _backend.Upload(stored);
        _inputs.Add(weight);
        var w = Array.ConvertAll(Dequantizer.ToFloats(stored), value => (double)value);

        var (a, lefts) = Input(TensorKind.Parameter, "A", Filters * Shape.LeftRows, Shape.LeftColumns);
        var (b, rights) = Input(TensorKind.Parameter, "B", Filters * Shape.RightRows, Shape.RightColumns);
        var (c, coefficients) = Input(TensorKind.Parameter, "c", Filters, 1);
        var delta = new KroneckerSum(Outputs, Inputs, c, [new KroneckerGroup(Shape, 0, Filters, a, b)]);
        var sum = (double[])w.Clone();
        ForEachElement((filter, left, right, element) => sum[element] += coefficients[filter] * lefts[left] * rights[right]);

        Compare("a 4-bit product", _backend.Linear(x, weight), Product(xs, w, Tokens, Inputs, Outputs, isTransposed: true));
        Compare("a product with filters", _backend.Linear(x, weight, delta), Product(xs, sum, Tokens, Inputs, Outputs, isTransposed: true));
        Compare(
            "its input gradient", _backend.LinearInputGradient(dy, weight, delta), Product(dys, sum, Tokens, Outputs, Inputs, isTransposed: false));

        var (da, db, dc) = (Zeros(a), Zeros(b), Zeros(c));
        _backend.AccumulateKroneckerGradients(x, dy, delta, new KroneckerGradients(dc, [(da, db)]));
        var ofWeight = new double[Outputs * Inputs];
        for (var token = 0; token < Tokens; token++)
            for (var row = 0; row < Outputs; row++)
                for (var column = 0; column < Inputs; column++)
                    ofWeight[row * Inputs + column] += dys[token * Outputs + row] * xs[token * Inputs + column];
        var (ofLeft, ofRight, ofCoefficient) = (new double[lefts.Length], new double[rights.Length], new double[Filters]);
        ForEachElement((filter, left, right, element) =>
        {
            ofLeft[left] += coefficients[filter] * ofWeight[element] * rights[right];
            ofRight[right] += coefficients[filter] * ofWeight[element] * lefts[left];
            ofCoefficient[filter] += ofWeight[element] * lefts[left] * rights[right];
        });
        Compare("a filter's left gradient", da, ofLeft);
        Compare("a filter's right gradient", db, ofRight);
        Compare("a filter's coefficient", dc, ofCoefficient);
    }

    private void RowsAndElements()
    {
        const double Epsilon = 1e-5;
        var (x, xs) = Input(TensorKind.Activation, "rows", Tokens, Inputs);
        var (up, ups) = Input(TensorKind.Activation, "up", Tokens, Inputs);
        var (weight, weights) = Input(TensorKind.Parameter, "norm", Inputs, 1);
        var y = _backend.RmsNorm(x, weight, (float)Epsilon, out var inverse);
        inverse.Dispose();
        var normalized = new double[xs.Length];
        for (var token = 0; token < Tokens; token++)
        {
            var row = xs.AsSpan(token * Inputs, Inputs);
            var rms = Math.Sqrt(TensorPrimitives.SumOfSquares(row) / Inputs + Epsilon);
            for (var i = 0; i < Inputs; i++)
                normalized[token * Inputs + i] = row[i] / rms * weights[i];
        }
        Compare("a norm", y, normalized);
        Compare("SwiGLU", _backend.SwiGlu(x, up), [.. xs.Zip(ups, (gate, other) => gate / (1 + Math.Exp(-gate)) * other)]);
    }

    /// <summary>Two sequences, query heads that share keys.</summary>
    private void Attention()
    {
        const int Width = 16;
        var heads = new AttentionHeads(4, 2, Width);
        int[] lengths = [21, 34];
        var rows = lengths.Sum();
        var (q, qs) = Input(TensorKind.Activation, "q", rows, heads.QueryHeads * Width);
        var (k, ks) = Input(TensorKind.Activation, "k", rows, heads.KeyValueHeads * Width);
        var (v, vs) = Input(TensorKind.Activation, "v", rows, heads.KeyValueHeads * Width);
        using var layout = AttentionLayout.Sequences(lengths);
        var y = _backend.Attention(q, k, v, layout, heads, out var statistics);
        statistics.Dispose();
        var expected = new double[qs.Length];
        foreach (var span in layout.Spans)
            for (var token = 0; token < span.Length; token++)
                for (var head = 0; head < heads.QueryHeads; head++)
                    Attend(((span.Query + token) * heads.QueryHeads + head) * Width, span.Key, token + 1, head * heads.KeyValueHeads / heads.QueryHeads);
        Compare("attention", y, expected);

        void Attend(int query, int firstKey, int count, int head)
        {
            var scores = new double[count];
            for (var key = 0; key < count; key++)
                scores[key] = heads.Scale * TensorPrimitives.Dot<double>(qs.AsSpan(query, Width), ks.AsSpan(Place(key), Width));
            TensorPrimitives.SoftMax<double>(scores, scores);
            for (var key = 0; key < count; key++)
                for (var i = 0; i < Width; i++)
                    expected[query + i] += scores[key] * vs[Place(key) + i];

            int Place(int key) => ((firstKey + key) * heads.KeyValueHeads + head) * Width;
        }
    }

    private void Losses()
    {
        const int Vocabulary = 300;
        var (hidden, states) = Input(TensorKind.Activation, "hidden", Tokens, Inputs, 0.2f);
        var (head, matrix) = Input(TensorKind.Parameter, "head", Vocabulary, Inputs);
        var (weights, factors) = Input(TensorKind.Parameter, "weights", Tokens, 1);
        int[] ids = [.. Enumerable.Range(0, Tokens).Select(token => token * 7 % Vocabulary)];
        var targets = _backend.Upload(ids);
        var asWeight = _backend.AsWeight(head);
        _inputs.AddRange([targets, asWeight]);
        var losses = _backend.TokenLosses(hidden, asWeight, targets, weights, out var gradient);
        var logits = Product(states, matrix, Tokens, Inputs, Vocabulary, isTransposed: true);
        var expected = new double[Tokens];
        for (var token = 0; token < Tokens; token++)
        {
            var row = logits.AsSpan(token * Vocabulary, Vocabulary);
            var target = row[ids[token]];
            TensorPrimitives.SoftMax<double>(row, row);
            expected[token] = -Math.Log(row[ids[token]]);
            row[ids[token]] -= 1;
            TensorPrimitives.Multiply(row, factors[token], row);
        }
        Compare("losses", losses, expected);
        Compare("their gradient", gradient!, Product(logits, matrix, Tokens, Vocabulary, Inputs, isTransposed: false));
    }

    /// <summary>[rows, inner] times [inner, columns] or, transposed, [columns, inner].</summary>
    private static double[] Product(double[] left, double[] right, int rows, int inner, int columns, bool isTransposed)
    {
        var product = new double[rows * columns];
        for (var row = 0; row < rows; row++)
            for (var i = 0; i < inner; i++)
                for (var column = 0; column < columns; column++)
                    product[row * columns + column] += left[row * inner + i] * right[isTransposed ? column * inner + i : i * columns + column];
        return product;
    }

    /// <summary>Each element of the map with the elements of a filter's factors that make it up: A ⊗ B.</summary>
    private static void ForEachElement(Action<int, int, int, int> visit)
    {
        for (var filter = 0; filter < Filters; filter++)
            for (var row = 0; row < Outputs; row++)
                for (var column = 0; column < Inputs; column++)
                    visit(
                        filter, (filter * Shape.LeftRows + row / Shape.RightRows) * Shape.LeftColumns + column / Shape.RightColumns,
                        (filter * Shape.RightRows + row % Shape.RightRows) * Shape.RightColumns + column % Shape.RightColumns, row * Inputs + column);
    }

    private Tensor Zeros(Tensor like) => _backend.Zeros(TensorKind.Parameter, like.Rows, like.Columns);

    private static float[] Normal(string name, int count, float deviation = 1)
    {
        var values = new float[count];
        new SeededRandom(1, name).FillNormal(values, deviation);
        return values;
    }

    private (Tensor Tensor, double[] Values) Input(TensorKind kind, string name, int rows, int columns, float deviation = 1)
    {
        var tensor = _backend.Upload(kind, Normal(name, rows * columns, deviation), rows, columns);
        _inputs.Add(tensor);
        return (tensor, Read(tensor));
    }

    private double[] Read(Tensor tensor)
    {
        var values = new float[tensor.Length];
        _backend.Download(tensor, values);
        return Array.ConvertAll(values, value => (double)value);
    }

    /// <summary>Takes a result, and disposes it.</summary>
    private void Compare(string kernel, Tensor result, double[] expected)
    {
        using (result)
        {
            var actual = Read(result);
            var size = Math.Sqrt(TensorPrimitives.SumOfSquares<double>(expected) / expected.Length);
            var (squares, largest) = (0.0, 0.0);
            for (var i = 0; i < expected.Length; i++)
            {
                var error = Math.Abs(actual[i] - expected[i]) / size;
                squares += error * error;
                // Of a NaN, Max makes a NaN.
                largest = Math.Max(largest, error);
            }
            _errors.Add(new KernelError(kernel, Math.Sqrt(squares / expected.Length), largest));
        }
    }
}

/// <summary>How far a kernel's result is from double precision's, in its typical size.</summary>
/// <param name="Kernel">The kernel.</param>
/// <param name="Typical">The root of the mean square over its elements.</param>
/// <param name="Largest">That of the element that is furthest off.</param>
internal sealed record KernelError(string Kernel, double Typical, double Largest)
{
    private const double LargestForTypical = 20;

    /// <summary>A NaN is within no bound.</summary>
    public bool IsWithin(double bound) => Typical <= bound && Largest <= LargestForTypical * bound;
}
