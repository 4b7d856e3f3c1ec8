using Microsoft.ML.Moka.Tensors.Cpu.Tiles;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu.Tiles;

/// <summary>Random operands of one call, and the results that it gives.</summary>
internal sealed unsafe class TileWork
{
    private const int Stride = 41;

    private readonly bool _split;
    private readonly bool _add;
    private readonly int _steps;
    private readonly int _blocks;
    private readonly ushort[] _a;
    private readonly ushort[] _b;
    private readonly float[] _from;

    public TileWork(bool split, bool add, int steps, int blocks, string kind)
    {
        (_split, _add, _steps, _blocks) = (split, add, steps, blocks);
        var random = new Random(HashCode.Combine(7, steps, blocks));
        var step = TileCall.StepBytes(split) / 2;
        _a = [.. Enumerable.Range(0, blocks * steps * step).Select(_ => Element(random, kind))];
        _b = [.. Enumerable.Range(0, steps * step).Select(_ => Element(random, kind))];
        _from = [.. Enumerable.Range(0, blocks * 1024).Select(_ => (float)RandomMatrices.Normal(random) * (kind == "tiny" ? 1e-37f : 1))];
    }

    /// <summary>The bits of all elements, rows without what lies between them.</summary>
    public uint[] On(TileUnit tiles)
    {
        var result = new float[_blocks * 32 * Stride];
        var from = (float[])_from.Clone();
        fixed (ushort* a = _a, b = _b)
        fixed (float* sums = from, to = result)
        {
            var call = new TileCall
            {
                A = (byte*)a, B = (byte*)b, From = (byte*)sums, To = (byte*)to, ToStride = 4 * Stride, Steps = _steps, RowBlocks = _blocks,
            };
            call.Configure();
            tiles.Multiply(&call, _split, _add);
        }
        Assert.All(Enumerable.Range(0, _blocks * 32), row => Assert.All(result[(row * Stride + 32)..((row + 1) * Stride)], value => Assert.Equal(0, value)));
        return [.. from row in Enumerable.Range(0, _blocks * 32) from lane in Enumerable.Range(0, 32) select Bits(result[row * Stride + lane])];
    }

    /// <summary>TDPBF16PS as Intel's manual has it, one number after another, in the order of <see cref="TileCode"/>.</summary>
    public uint[] ByTheManual() => InOrder(TileDot);

    /// <summary>VDPBF16PS as Intel's manual has it: pair after pair, the odd depth first.</summary>
    public uint[] ByTheManualOfVectors() => InOrder(VectorDot);

    private uint[] InOrder(Func<int, int, float, float> dot)
    {
        var step = TileCall.StepBytes(_split) / 2;
        var result = new uint[_blocks * 1024];
        for (var block = 0; block < _blocks; block++)
            for (var row = 0; row < 32; row++)
                for (var lane = 0; lane < 32; lane++)
                {
                    var sum = _add ? _from[block * 1024 + row * 32 + lane] : 0;
                    for (var k = 0; k < _steps; k++)
                    {
                        var left = (block * _steps + k) * step + row / 16 * 512 + row % 16 * 32;
                        var right = k * step + lane / 16 * 512 + lane % 16 * 2;
                        foreach (var (leftPart, rightPart) in _split ? (ReadOnlySpan<(int, int)>)[(0, 1024), (0, 0), (1024, 0)] : [(0, 0)])
                            sum = dot(left + leftPart, right + rightPart, sum);
                    }
                    result[block * 1024 + row * 32 + lane] = Bits(sum);
                }
        return result;
    }

    private float VectorDot(int left, int right, float sum)
    {
        for (var pair = 0; pair < 16; pair++)
        {
            sum = Flush(MathF.FusedMultiplyAdd(Float(_a[left + 2 * pair + 1]), Float(_b[right + 32 * pair + 1]), Flush(sum)));
            sum = Flush(MathF.FusedMultiplyAdd(Float(_a[left + 2 * pair]), Float(_b[right + 32 * pair]), sum));
        }
        return sum;
    }

    private float TileDot(int left, int right, float sum)
    {
        var (even, odd) = (0f, 0f);
        for (var pair = 0; pair < 16; pair++)
        {
            even = Flush(MathF.FusedMultiplyAdd(Float(_a[left + 2 * pair]), Float(_b[right + 32 * pair]), even));
            odd = Flush(MathF.FusedMultiplyAdd(Float(_a[left + 2 * pair + 1]), Float(_b[right + 32 * pair + 1]), odd));
        }
        return Flush(Flush(sum) + Flush(even + odd));
    }

    private static float Float(ushort value) => Flush(BitConverter.UInt32BitsToSingle((uint)value << 16));

    private static float Flush(float value) => float.IsSubnormal(value) ? MathF.CopySign(0, value) : value;

    private static uint Bits(float value) => BitConverter.SingleToUInt32Bits(value);

    private static ushort Element(Random random, string kind)
    {
        var value = (float)RandomMatrices.Normal(random) * kind switch
        {
            "large" => 1e17f,
            // Products and some operands are denormal.
            "tiny" => 1e-19f * MathF.Pow(10, -19 * random.NextSingle()),
            "mixed" => MathF.Pow(10, 16 * random.NextSingle() - 8),
            _ => 1,
        };
        return (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);
    }
}
