namespace Microsoft.ML.Moka.Tensors.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override Tensor Rotary(Tensor x, Tensor positions, Tensor cosines, Tensor sines, bool inverse = false)
    {
        RequireRotary(x, positions, cosines, sines);
        RequireRows(positions, cosines.Rows, nameof(positions));
        var half = cosines.Columns;
        var y = Allocate(x.Kind, x.Rows, x.Columns);
        float* from = Floats(x), to = y.Floats, c = Floats(cosines), s = Floats(sines);
        var at = Ints(positions);
        ForRows(x.Rows, x.Columns, (start, end) =>
        {
            for (long t = start; t < end; t++)
            {
                var (row, angle) = (t * x.Columns, (long)at[t] * half);
                _rows.Rotate(from + row, c + angle, s + angle, inverse ? -1 : 1, to + row, half, x.Columns / (2 * half));
            }
        });
        return y;
    }
}
