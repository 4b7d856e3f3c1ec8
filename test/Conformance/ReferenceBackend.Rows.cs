using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

internal sealed partial class ReferenceBackend
{
    // Element-wise

    public override Tensor Add(Tensor a, Tensor b)
    {
        RequireShape(b, a.Rows, a.Columns);
        return Like(a, i => Values(a)[i] + Values(b)[i]);
    }

    public override void AddInPlace(Tensor target, Tensor addend)
    {
        RequireShape(addend, target.Rows, target.Columns);
        for (var i = 0; i < Values(target).Length; i++)
            Values(target)[i] += Values(addend)[i];
    }

    public override void AddToRows(Tensor x, Tensor row)
    {
        RequireShape(row, x.Columns, 1);
        for (var i = 0; i < Values(x).Length; i++)
            Values(x)[i] += Values(row)[i % x.Columns];
    }

    public override void AccumulateColumnSums(Tensor x, Tensor sums)
    {
        RequireShape(sums, x.Columns, 1);
        for (var i = 0; i < Values(x).Length; i++)
            Values(sums)[i % x.Columns] += Values(x)[i];
    }

    public override Tensor Dropout(Tensor x, float rate, ulong seed)
    {
        Require(rate is >= 0 and < 1, "A dropout rate lies in [0, 1).");
        return Like(x, i => Uniform(seed, (ulong)i) < rate ? 0 : Values(x)[i] / (1 - (double)rate));
    }

    /// <summary>A number in [0, 1) for each seed and index. Which one is up to the backend.</summary>
    private static double Uniform(ulong seed, ulong index) =>
        BinaryPrimitives.ReadUInt32LittleEndian(SHA256.HashData([.. BitConverter.GetBytes(seed), .. BitConverter.GetBytes(index)])) / (uint.MaxValue + 1.0);

    public override Tensor ScaleColumns(Tensor x, Tensor magnitude, Tensor norms)
    {
        RequireShape(magnitude, x.Columns, 1);
        RequireShape(norms, x.Columns, 1);
        var (input, m, norm) = (Values(x), Values(magnitude), Values(norms));
        return Like(x, i => norm[i % x.Columns] == 0 ? 0 : input[i] * m[i % x.Columns] / norm[i % x.Columns]);
    }

    public override Tensor ScaleColumnsGradient(Tensor dy, Tensor x, Tensor magnitude, Tensor norms, Tensor magnitudeGradient)
    {
        RequireShape(dy, x.Rows, x.Columns);
        var (d, input, norm, gradient) = (Values(dy), Values(x), Values(norms), Values(magnitudeGradient));
        for (var i = 0; i < d.Length; i++)
            gradient[i % x.Columns] += norm[i % x.Columns] == 0 ? 0 : d[i] * input[i] / norm[i % x.Columns];
        return ScaleColumns(dy, magnitude, norms);
    }

    public override Tensor SwiGlu(Tensor gate, Tensor up)
    {
        RequireShape(up, gate.Rows, gate.Columns);
        return Like(gate, i => Values(gate)[i] * Sigmoid(Values(gate)[i]) * Values(up)[i]);
    }

    public override (Tensor Gate, Tensor Up) SwiGluGradient(Tensor dy, Tensor gate, Tensor up)
    {
        RequireShape(up, gate.Rows, gate.Columns);
        RequireShape(dy, gate.Rows, gate.Columns);
        var (d, g, u) = (Values(dy), Values(gate), Values(up));
        return (
            Like(gate, i => d[i] * u[i] * Sigmoid(g[i]) * (1 + g[i] * (1 - Sigmoid(g[i])))),
            Like(up, i => d[i] * g[i] * Sigmoid(g[i])));
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    // By row

    public override Tensor RmsNorm(Tensor x, Tensor weight, float epsilon, out Tensor inverseRms)
    {
        var (input, n, groups) = (Values(x), weight.Rows, RequireNorm(x, weight));
        var scale = new double[x.Rows * groups];
        for (var t = 0; t < scale.Length; t++)
        {
            var squares = 0.0;
            for (var i = 0; i < n; i++)
                squares += input[t * n + i] * input[t * n + i];
            scale[t] = 1 / Math.Sqrt(squares / n + epsilon);
        }
        inverseRms = Own(TensorKind.Parameter, scale, x.Rows, groups);
        return Like(x, i => input[i] * scale[i / n] * Values(weight)[i % n]);
    }

    public override Tensor RmsNormGradient(Tensor dy, Tensor x, Tensor weight, Tensor inverseRms, Tensor? weightGradient)
    {
        RequireShape(dy, x.Rows, x.Columns);
        RequireShape(inverseRms, x.Rows, RequireNorm(x, weight));
        var (d, input, w, scale) = (Values(dy), Values(x), Values(weight), Values(inverseRms));
        var n = weight.Rows;
        var projection = new double[scale.Length];
        for (var i = 0; i < input.Length; i++)
        {
            projection[i / n] += d[i] * w[i % n] * input[i];
            if (weightGradient is not null)
                Values(weightGradient)[i % n] += d[i] * input[i] * scale[i / n];
        }
        return Like(x, i => scale[i / n] * (d[i] * w[i % n] - input[i] * scale[i / n] * scale[i / n] * projection[i / n] / n));
    }

    public override Tensor Rotary(Tensor x, Tensor positions, Tensor cosines, Tensor sines, bool inverse = false)
    {
        RequireShape(positions, x.Rows, 1);
        RequireShape(sines, cosines.Rows, cosines.Columns);
        var half = cosines.Columns;
        Require(x.Columns % (2 * half) == 0, "A row is whole heads.");
        var (input, at) = (Values(x), Indices(positions, cosines.Rows));
        return Like(x, i =>
        {
            var (row, column) = (i / x.Columns, i % x.Columns % (2 * half));
            var angle = at[row] * half + column % half;
            var (cosine, sine) = (Values(cosines)[angle], inverse ? -Values(sines)[angle] : Values(sines)[angle]);
            return column < half
                ? input[i] * cosine - input[i + half] * sine
                : input[i] * cosine + input[i - half] * sine;
        });
    }

    public override Tensor Softmax(Tensor vector)
    {
        var largest = Values(vector).Max();
        var sum = Values(vector).Sum(v => Math.Exp(v - largest));
        return Like(vector, i => Math.Exp(Values(vector)[i] - largest) / sum);
    }

    public override void AccumulateSoftmaxGradient(Tensor softmax, Tensor softmaxGradient, Tensor gradient)
    {
        RequireShape(softmaxGradient, softmax.Rows, softmax.Columns);
        RequireShape(gradient, softmax.Rows, softmax.Columns);
        var (s, ds) = (Values(softmax), Values(softmaxGradient));
        var mean = s.Zip(ds, (a, b) => a * b).Sum();
        for (var i = 0; i < s.Length; i++)
            Values(gradient)[i] += s[i] * (ds[i] - mean);
    }

    // Rows

    public override Tensor Embedding(WeightMatrix table, Tensor ids)
    {
        var rows = Indices(ids, table.Rows);
        var values = Values(table);
        return Own(TensorKind.Activation, [.. rows.SelectMany(r => values.Skip(r * table.Columns).Take(table.Columns))], rows.Length, table.Columns);
    }

    public override void AccumulateEmbeddingGradient(Tensor dy, Tensor ids, Tensor tableGradient)
    {
        RequireShape(dy, ids.Rows, tableGradient.Columns);
        AddToRows(dy, Indices(ids, tableGradient.Rows), Values(tableGradient));
    }

    public override Tensor GatherRows(Tensor x, Tensor rows)
    {
        var from = Indices(rows, x.Rows);
        return Own(x.Kind, [.. from.SelectMany(r => Values(x).Skip(r * x.Columns).Take(x.Columns))], from.Length, x.Columns);
    }

    public override Tensor ScatterRows(Tensor dy, Tensor rows, int rowCount)
    {
        RequireShape(rows, dy.Rows, 1);
        var target = new double[rowCount * dy.Columns];
        AddToRows(dy, Indices(rows, rowCount), target);
        return Own(dy.Kind, target, rowCount, dy.Columns);
    }

    public override Tensor MeanRows(Tensor x, IReadOnlyList<RowRange> ranges)
    {
        RequireRanges(ranges, x.Rows);
        return Own(
            TensorKind.Parameter,
            [.. ranges.SelectMany(range => Enumerable.Range(0, x.Columns).Select(
                column => Enumerable.Range(range.Start, range.Length).Average(row => Values(x)[row * x.Columns + column])))],
            ranges.Count, x.Columns);
    }

    public override Tensor MeanRowsGradient(Tensor dy, IReadOnlyList<RowRange> ranges, int rowCount)
    {
        RequireRanges(ranges, rowCount);
        RequireShape(dy, ranges.Count, dy.Columns);
        var gradient = new double[rowCount * dy.Columns];
        for (var i = 0; i < ranges.Count; i++)
            for (var row = ranges[i].Start; row < ranges[i].Start + ranges[i].Length; row++)
                for (var column = 0; column < dy.Columns; column++)
                    gradient[row * dy.Columns + column] += Values(dy)[i * dy.Columns + column] / ranges[i].Length;
        return Own(TensorKind.Activation, gradient, rowCount, dy.Columns);
    }

    public override void CopyRows(Tensor source, Tensor destination, int start)
    {
        RequireShape(destination, destination.Rows, source.Columns);
        Require(start >= 0 && start + source.Rows <= destination.Rows, "The rows lie outside the destination.");
        Values(source).CopyTo(Values(destination), start * source.Columns);
    }

    private static void AddToRows(Tensor source, int[] rows, double[] target)
    {
        for (var i = 0; i < Values(source).Length; i++)
            target[rows[i / source.Columns] * source.Columns + i % source.Columns] += Values(source)[i];
    }
}
