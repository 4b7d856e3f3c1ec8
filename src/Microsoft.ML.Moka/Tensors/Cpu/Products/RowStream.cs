using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Moka.Tensors.Cpu.Weights;

namespace Microsoft.ML.Moka.Tensors.Cpu.Products;

/// <summary>
/// The product of few rows with a weight that becomes floats in registers and is multiplied there, with no panel in between, so that it streams at about
/// the pace of memory. Each sum runs over k one by one, as in <see cref="MicroKernels{TSimd, TVector}"/>: the same bits, whichever kernel computes a row.
/// Such a sum waits for its last multiply-add, some four cycles; four vectors of sums beside each other fill that time.
/// </summary>
internal static unsafe class RowStream<TSimd, TVector, TRows>
    where TSimd : struct, ISimdWords<TVector>
    where TVector : struct
    where TRows : struct, IRowCount
{
    private const int LineBytes = 64;

    /// <summary>Lanes that are multiplied at a time.</summary>
    public static int Lanes => 4 * TSimd.Count;

    /// <summary>The bytes of a word of each lane.</summary>
    private static int WordBytes => Lanes * sizeof(float);

    /// <summary>y[row, lane] = Σₖ x[row, k] · W[lane, k] for <see cref="Lanes"/> lanes.</summary>
    /// <param name="w">W.</param>
    /// <param name="x">x.</param>
    /// <param name="rowStep">From a row of x to the next.</param>
    /// <param name="y">y, with <see cref="Lanes"/> columns.</param>
    /// <param name="goesOn">Whether the rows of W that follow come next, and are fetched meanwhile.</param>
    public static void Multiply(in StoredLanes w, float* x, long rowStep, float* y, bool goesOn)
    {
        switch (w.Form)
        {
            case LaneForm.Pairs:
                Pairs(w, x, rowStep, y, goesOn);
                break;
            case LaneForm.Halves when w.Least == null:
                Halves(w, x, rowStep, y, goesOn);
                break;
            case LaneForm.Halves:
                HalvesWithLeast(w, x, rowStep, y, goesOn);
                break;
            case LaneForm.Bytes:
                Bytes(w, x, rowStep, y, goesOn);
                break;
            case LaneForm.Float32:
                Floats(w, x, rowStep, y, goesOn);
                break;
            case LaneForm.Float16:
                Float16(w, x, rowStep, y, goesOn);
                break;
            default:
                BFloat16(w, x, rowStep, y, goesOn);
                break;
        }
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pairs(in StoredLanes w, float* x, long rowStep, float* y, bool goesOn)
    {
        var table = new Table(w.Table);
        var sums = default(Sums);
        var line = stackalloc float[4 * 4 * 4 * TSimd.Count];
        byte* codes = w.First, next = w.Next;
        var scales = w.Scales;
        for (var (step, steps) = (0, w.Depth / 32); step < steps; step++, codes += w.StepBytes, scales += Lanes)
        {
            if (step % 4 == 0)
                Load(w, codes, Math.Min(4, steps - step), 1, line);
            var words = line + step % 4 * 16 * TSimd.Count;
            var scale = new Four(scales);
            for (var word = words; word < words + 4 * TSimd.Count; word += TSimd.Count, x += 8)
            {
                next = Fetch(next, WordBytes, goesOn);
                AddCodes(x, rowStep, table, word, 4, scale, ref sums);
                AddCodes(x + 1, rowStep, table, word, 0, scale, ref sums);
                AddCodes(x + 2, rowStep, table, word, 12, scale, ref sums);
                AddCodes(x + 3, rowStep, table, word, 8, scale, ref sums);
                AddCodes(x + 4, rowStep, table, word, 20, scale, ref sums);
                AddCodes(x + 5, rowStep, table, word, 16, scale, ref sums);
                AddCodes(x + 6, rowStep, table, word, 28, scale, ref sums);
                AddCodes(x + 7, rowStep, table, word, 24, scale, ref sums);
            }
        }
        sums.Store(y);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Halves(in StoredLanes w, float* x, long rowStep, float* y, bool goesOn)
    {
        var table = new Table(w.Table);
        var sums = default(Sums);
        var line = stackalloc float[4 * 4 * 4 * TSimd.Count];
        byte* codes = w.First, next = w.Next;
        var scales = w.Scales;
        for (var (step, steps) = (0, w.Depth / 32); step < steps; step++, codes += w.StepBytes, scales += Lanes)
        {
            if (step % 4 == 0)
                Load(w, codes, Math.Min(4, steps - step), 1, line);
            var words = line + step % 4 * 16 * TSimd.Count;
            var scale = new Four(scales);
            for (var word = words; word < words + 4 * TSimd.Count; word += TSimd.Count, x += 4)
            {
                next = Fetch(next, WordBytes / 2, goesOn);
                AddCodes(x, rowStep, table, word, 0, scale, ref sums);
                AddCodes(x + 1, rowStep, table, word, 8, scale, ref sums);
                AddCodes(x + 2, rowStep, table, word, 16, scale, ref sums);
                AddCodes(x + 3, rowStep, table, word, 24, scale, ref sums);
            }
            for (var word = words; word < words + 4 * TSimd.Count; word += TSimd.Count, x += 4)
            {
                next = Fetch(next, WordBytes / 2, goesOn);
                AddCodes(x, rowStep, table, word, 4, scale, ref sums);
                AddCodes(x + 1, rowStep, table, word, 12, scale, ref sums);
                AddCodes(x + 2, rowStep, table, word, 20, scale, ref sums);
                AddCodes(x + 3, rowStep, table, word, 28, scale, ref sums);
            }
        }
        sums.Store(y);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void HalvesWithLeast(in StoredLanes w, float* x, long rowStep, float* y, bool goesOn)
    {
        var table = new Table(w.Table);
        var sums = default(Sums);
        var line = stackalloc float[4 * 4 * 4 * TSimd.Count];
        byte* codes = w.First, next = w.Next;
        float* scales = w.Scales, leasts = w.Least;
        for (var (step, steps) = (0, w.Depth / 32); step < steps; step++, codes += w.StepBytes, scales += Lanes, leasts += Lanes)
        {
            if (step % 4 == 0)
                Load(w, codes, Math.Min(4, steps - step), 1, line);
            var words = line + step % 4 * 16 * TSimd.Count;
            Four scale = new(scales), least = new(leasts);
            for (var word = words; word < words + 4 * TSimd.Count; word += TSimd.Count, x += 4)
            {
                next = Fetch(next, WordBytes / 2, goesOn);
                AddCodes(x, rowStep, table, word, 0, scale, least, ref sums);
                AddCodes(x + 1, rowStep, table, word, 8, scale, least, ref sums);
                AddCodes(x + 2, rowStep, table, word, 16, scale, least, ref sums);
                AddCodes(x + 3, rowStep, table, word, 24, scale, least, ref sums);
            }
            for (var word = words; word < words + 4 * TSimd.Count; word += TSimd.Count, x += 4)
            {
                next = Fetch(next, WordBytes / 2, goesOn);
                AddCodes(x, rowStep, table, word, 4, scale, least, ref sums);
                AddCodes(x + 1, rowStep, table, word, 12, scale, least, ref sums);
                AddCodes(x + 2, rowStep, table, word, 20, scale, least, ref sums);
                AddCodes(x + 3, rowStep, table, word, 28, scale, least, ref sums);
            }
        }
        sums.Store(y);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Bytes(in StoredLanes w, float* x, long rowStep, float* y, bool goesOn)
    {
        var sums = default(Sums);
        var line = stackalloc float[2 * 4 * 8 * TSimd.Count];
        byte* codes = w.First, next = w.Next;
        var scales = w.Scales;
        for (var (step, steps) = (0, w.Depth / 32); step < steps; step++, codes += w.StepBytes, scales += Lanes)
        {
            if (step % 2 == 0)
                Load(w, codes, Math.Min(2, steps - step), 2, line);
            var words = line + step % 2 * 32 * TSimd.Count;
            var scale = new Four(scales);
            for (var word = words; word < words + 8 * TSimd.Count; word += TSimd.Count, x += 4)
            {
                next = Fetch(next, WordBytes, goesOn);
                AddBytes(x, rowStep, word, 24, scale, ref sums);
                AddBytes(x + 1, rowStep, word, 16, scale, ref sums);
                AddBytes(x + 2, rowStep, word, 8, scale, ref sums);
                AddBytes(x + 3, rowStep, word, 0, scale, ref sums);
            }
        }
        sums.Store(y);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Floats(in StoredLanes w, float* x, long rowStep, float* y, bool goesOn)
    {
        var sums = default(Sums);
        var words = stackalloc float[4 * 16 * TSimd.Count];
        byte* values = w.First, next = w.Next;
        for (var end = x + w.Depth; x < end; values += LineBytes)
        {
            Load(w, values, 1, 4, words);
            for (var word = words; word < words + 16 * TSimd.Count; word += TSimd.Count, x++)
            {
                next = Fetch(next, WordBytes, goesOn);
                sums.Add(x, rowStep, Word(word, 0, 16), Word(word, 1, 16), Word(word, 2, 16), Word(word, 3, 16));
            }
        }
        sums.Store(y);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Float16(in StoredLanes w, float* x, long rowStep, float* y, bool goesOn)
    {
        var sums = default(Sums);
        var words = stackalloc float[4 * 16 * TSimd.Count];
        byte* values = w.First, next = w.Next;
        for (var end = x + w.Depth; x < end; values += LineBytes)
        {
            Load(w, values, 1, 4, words);
            for (var word = words; word < words + 16 * TSimd.Count; word += TSimd.Count, x += 2)
            {
                next = Fetch(next, WordBytes, goesOn);
                TVector w0 = Word(word, 0, 16), w1 = Word(word, 1, 16), w2 = Word(word, 2, 16), w3 = Word(word, 3, 16);
                sums.Add(x, rowStep, TSimd.LowHalf(w0), TSimd.LowHalf(w1), TSimd.LowHalf(w2), TSimd.LowHalf(w3));
                sums.Add(x + 1, rowStep, TSimd.HighHalf(w0), TSimd.HighHalf(w1), TSimd.HighHalf(w2), TSimd.HighHalf(w3));
            }
        }
        sums.Store(y);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BFloat16(in StoredLanes w, float* x, long rowStep, float* y, bool goesOn)
    {
        var sums = default(Sums);
        var words = stackalloc float[4 * 16 * TSimd.Count];
        byte* values = w.First, next = w.Next;
        for (var end = x + w.Depth; x < end; values += LineBytes)
        {
            Load(w, values, 1, 4, words);
            for (var word = words; word < words + 16 * TSimd.Count; word += TSimd.Count, x += 2)
            {
                next = Fetch(next, WordBytes, goesOn);
                TVector w0 = Word(word, 0, 16), w1 = Word(word, 1, 16), w2 = Word(word, 2, 16), w3 = Word(word, 3, 16);
                sums.Add(x, rowStep, TSimd.LowBFloat16(w0), TSimd.LowBFloat16(w1), TSimd.LowBFloat16(w2), TSimd.LowBFloat16(w3));
                sums.Add(x + 1, rowStep, TSimd.HighBFloat16(w0), TSimd.HighBFloat16(w1), TSimd.HighBFloat16(w2), TSimd.HighBFloat16(w3));
            }
        }
        sums.Store(y);
    }

    /// <summary>
    /// Fetches some bytes of what the next turn reads, and gives where the rest begins. With every word a little, as memory is to be asked all the time: of
    /// many lines at once the last ones wait for the first.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* Fetch(byte* next, int bytes, bool goesOn)
    {
        if (!goesOn)
            return next;
        for (var i = 0; i < bytes && Sse.IsSupported; i += LineBytes)
            Sse.Prefetch0(next + i);
        return next + bytes;
    }

    /// <summary>
    /// The words of some steps of each lane, [steps, 4 vectors of lanes, 4 · <paramref name="quarters"/>, lanes of a vector]. A line of the cache is read
    /// as a whole: where rows are a power of two apart, the lines of all lanes are in each other's place.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load(in StoredLanes w, byte* codes, int steps, int quarters, float* line)
    {
        for (var vector = 0; vector < 4; vector++, codes += TSimd.Count * w.LaneBytes)
        {
            for (var step = 0; step < steps; step++)
            {
                var words = line + (step * 4 + vector) * quarters * 4 * TSimd.Count;
                for (var quarter = 0; quarter < quarters; quarter++, words += 4 * TSimd.Count)
                {
                    TSimd.LoadWords(codes + step * w.StepBytes + quarter * 16, w.LaneBytes, out var w0, out var w1, out var w2, out var w3);
                    TSimd.Store(w0, words);
                    TSimd.Store(w1, words + TSimd.Count);
                    TSimd.Store(w2, words + 2 * TSimd.Count);
                    TSimd.Store(w3, words + 3 * TSimd.Count);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Word(float* word, int vector, int wordsOfAll) => TSimd.Load(word + vector * wordsOfAll * TSimd.Count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddCodes(float* x, long rowStep, in Table table, float* word, int shift, in Four scale, ref Sums sums) =>
        sums.Add(
            x, rowStep, TSimd.Multiply(table.Of(Word(word, 0, 4), shift), scale.V0), TSimd.Multiply(table.Of(Word(word, 1, 4), shift), scale.V1),
            TSimd.Multiply(table.Of(Word(word, 2, 4), shift), scale.V2), TSimd.Multiply(table.Of(Word(word, 3, 4), shift), scale.V3));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddCodes(float* x, long rowStep, in Table table, float* word, int shift, in Four scale, in Four least, ref Sums sums) =>
        sums.Add(
            x, rowStep, TSimd.Add(TSimd.Multiply(table.Of(Word(word, 0, 4), shift), scale.V0), least.V0),
            TSimd.Add(TSimd.Multiply(table.Of(Word(word, 1, 4), shift), scale.V1), least.V1),
            TSimd.Add(TSimd.Multiply(table.Of(Word(word, 2, 4), shift), scale.V2), least.V2),
            TSimd.Add(TSimd.Multiply(table.Of(Word(word, 3, 4), shift), scale.V3), least.V3));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddBytes(float* x, long rowStep, float* word, int shift, in Four scale, ref Sums sums) =>
        sums.Add(
            x, rowStep, TSimd.Multiply(TSimd.SignedByte(Word(word, 0, 8), shift), scale.V0),
            TSimd.Multiply(TSimd.SignedByte(Word(word, 1, 8), shift), scale.V1), TSimd.Multiply(TSimd.SignedByte(Word(word, 2, 8), shift), scale.V2),
            TSimd.Multiply(TSimd.SignedByte(Word(word, 3, 8), shift), scale.V3));

    /// <summary>The values of 4-bit codes.</summary>
    private readonly struct Table
    {
        private readonly TVector _t0, _t1, _t2, _t3;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Table(float* values) => TSimd.Table(values, out _t0, out _t1, out _t2, out _t3);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Of(TVector words, int shift) => TSimd.Lookup(_t0, _t1, _t2, _t3, words, shift);
    }

    /// <summary>The sums of each row.</summary>
    private struct Sums
    {
        private Four _r0, _r1, _r2, _r3;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(float* x, long rowStep, TVector w0, TVector w1, TVector w2, TVector w3)
        {
            _r0.Add(TSimd.Broadcast(x[0]), w0, w1, w2, w3);
            if (TRows.Count > 1)
                _r1.Add(TSimd.Broadcast(x[rowStep]), w0, w1, w2, w3);
            if (TRows.Count > 2)
                _r2.Add(TSimd.Broadcast(x[2 * rowStep]), w0, w1, w2, w3);
            if (TRows.Count > 3)
                _r3.Add(TSimd.Broadcast(x[3 * rowStep]), w0, w1, w2, w3);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Store(float* y)
        {
            _r0.Store(y);
            if (TRows.Count > 1)
                _r1.Store(y + Lanes);
            if (TRows.Count > 2)
                _r2.Store(y + 2 * Lanes);
            if (TRows.Count > 3)
                _r3.Store(y + 3 * Lanes);
        }
    }

    /// <summary>Four vectors of lanes.</summary>
    private struct Four
    {
        public TVector V0, V1, V2, V3;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Four(float* values) =>
            (V0, V1, V2, V3) = (
                TSimd.Load(values), TSimd.Load(values + TSimd.Count), TSimd.Load(values + 2 * TSimd.Count), TSimd.Load(values + 3 * TSimd.Count));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(TVector x, TVector w0, TVector w1, TVector w2, TVector w3)
        {
            V0 = TSimd.MultiplyAdd(x, w0, V0);
            V1 = TSimd.MultiplyAdd(x, w1, V1);
            V2 = TSimd.MultiplyAdd(x, w2, V2);
            V3 = TSimd.MultiplyAdd(x, w3, V3);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Store(float* y)
        {
            TSimd.Store(V0, y);
            TSimd.Store(V1, y + TSimd.Count);
            TSimd.Store(V2, y + 2 * TSimd.Count);
            TSimd.Store(V3, y + 3 * TSimd.Count);
        }
    }
}
