namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override Tensor Rotary(Tensor x, Tensor positions, Tensor cosines, Tensor sines, bool inverse = false)
    {
        var half = cosines.Columns;
        if (x.Columns % (2 * half) != 0)
            throw new ArgumentException($"A row of {x.Columns} is not made of heads of width {2 * half}.", nameof(x));
        RequireShape(positions, x.Rows, 1, nameof(positions));
        RequireShape(sines, cosines.Rows, half, nameof(sines));
        var y = Allocate(x.Kind, x.Rows, x.Columns);
        var sign = inverse ? -1f : 1f;
        _workers.For(x.Rows, 8, (start, end) =>
        {
            for (var t = start; t < end; t++)
            {
                var position = RowNumber(positions, t, cosines.Rows);
                Span<float> c = Row(cosines, position), s = Row(sines, position), from = Row(x, t), to = Row(y, t);
                for (var head = 0; head < x.Columns; head += 2 * half)
                    for (var i = 0; i < half; i++)
                    {
                        float a = from[head + i], b = from[head + half + i];
                        to[head + i] = a * c[i] - sign * b * s[i];
                        to[head + half + i] = b * c[i] + sign * a * s[i];
                    }
            }
        });
        return y;
    }
}
