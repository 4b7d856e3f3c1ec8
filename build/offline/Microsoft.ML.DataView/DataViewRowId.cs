using System.Numerics;

namespace Microsoft.ML.Data;

/// <summary>A 128-bit identity of a row. <see cref="Fork"/>, <see cref="Next"/> and <see cref="Combine"/> derive others as MurmurHash3 mixes its blocks.</summary>
public readonly struct DataViewRowId : IComparable<DataViewRowId>, IEquatable<DataViewRowId>
{
    private const ulong C1 = 0x87c37b91114253d5;
    private const ulong C2 = 0x4cf5ad432745937f;

    public readonly ulong Low;
    public readonly ulong High;

    public DataViewRowId(ulong low, ulong high)
    {
        Low = low;
        High = high;
    }

    public override string ToString() => $"{High:x16}{Low:x16}";

    public int CompareTo(DataViewRowId other)
    {
        var result = High.CompareTo(other.High);
        return result == 0 ? Low.CompareTo(other.Low) : result;
    }

    public bool Equals(DataViewRowId other) => Low == other.Low && High == other.High;

    public override bool Equals(object obj) => obj is DataViewRowId other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(Low, High);

    public DataViewRowId Fork()
    {
        var next = Next();
        return new DataViewRowId(next.Low ^ (BitOperations.RotateLeft(C1, 31) * C2), next.High);
    }

    public DataViewRowId Next()
    {
        var low = MixLow(Low, High);
        return new DataViewRowId(low, MixHigh(High, low));
    }

    public DataViewRowId Combine(DataViewRowId other)
    {
        other = other.Fork();
        var low = MixLow(Low ^ (BitOperations.RotateLeft(other.Low * C1, 31) * C2), High);
        return new DataViewRowId(low, MixHigh(High ^ (BitOperations.RotateLeft(other.High * C2, 33) * C1), low));
    }

    private static ulong MixLow(ulong low, ulong high) => (BitOperations.RotateLeft(low, 27) + high) * 5 + 0x52dce729;

    private static ulong MixHigh(ulong high, ulong low) => (BitOperations.RotateLeft(high, 31) + low) * 5 + 0x38495ab5;
}
