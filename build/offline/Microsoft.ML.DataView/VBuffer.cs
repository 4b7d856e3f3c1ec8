using System.Collections;

namespace Microsoft.ML.Data;

/// <summary>A vector whose values stand densely, or sparsely beside their rising indices.</summary>
public readonly struct VBuffer<T> : IEnumerable
{
    private readonly T[] _values;
    private readonly int[] _indices;
    private readonly int _count;

    public readonly int Length;

    public VBuffer(int length, T[] values, int[] indices = null)
    {
        Checks.Param(length >= 0, nameof(length));
        Checks.Param(SizeOf(values) >= length, nameof(values));
        Length = length;
        _count = length;
        _values = values;
        _indices = indices;
    }

    public VBuffer(int length, int count, T[] values, int[] indices)
    {
        Checks.Param(length >= 0, nameof(length));
        Checks.Param(0 <= count && count <= length, nameof(count));
        Checks.Param(SizeOf(values) >= count, nameof(values));
        Checks.Param(count == length || SizeOf(indices) >= count, nameof(indices));
        Length = length;
        _count = count;
        _values = values;
        _indices = indices;
    }

    public bool IsDense => _count == Length;

    public ReadOnlySpan<T> GetValues() => _values.AsSpan(0, _count);

    public ReadOnlySpan<int> GetIndices() => IsDense ? default : _indices.AsSpan(0, _count);

    public void CopyToDense(ref VBuffer<T> destination)
    {
        var editor = VBufferEditor.Create(ref destination, Length);
        CopyTo(editor.Values);
        destination = editor.Commit();
    }

    public void CopyTo(ref VBuffer<T> destination)
    {
        var editor = VBufferEditor.Create(ref destination, Length, _count);
        GetValues().CopyTo(editor.Values);
        GetIndices().CopyTo(editor.Indices);
        destination = editor.Commit();
    }

    public void CopyTo(ref VBuffer<T> destination, int sourceIndex, int length)
    {
        Checks.Param(0 <= sourceIndex && sourceIndex <= Length, nameof(sourceIndex));
        Checks.Param(0 <= length && sourceIndex <= Length - length, nameof(length));
        var first = PhysicalIndexOf(sourceIndex);
        var count = PhysicalIndexOf(sourceIndex + length) - first;
        var editor = VBufferEditor.Create(ref destination, length, count);
        GetValues().Slice(first, count).CopyTo(editor.Values);
        for (var i = 0; i < editor.Indices.Length; i++)
            editor.Indices[i] = _indices[first + i] - sourceIndex;
        destination = editor.Commit();
    }

    public void CopyTo(Span<T> destination) => CopyTo(destination, 0);

    public void CopyTo(Span<T> destination, int destinationIndex, T defaultValue = default)
    {
        Checks.Param(0 <= destinationIndex && destinationIndex <= destination.Length - Length, nameof(destination), "Not large enough to hold these values.");
        destination = destination.Slice(destinationIndex, Length);
        if (IsDense)
        {
            GetValues().CopyTo(destination);
            return;
        }
        destination.Fill(defaultValue);
        for (var i = 0; i < _count; i++)
            destination[_indices[i]] = _values[i];
    }

    public static void Copy(T[] source, int sourceIndex, ref VBuffer<T> destination, int length)
    {
        Checks.Param(0 <= length && length <= SizeOf(source), nameof(length));
        Checks.Param(0 <= sourceIndex && sourceIndex <= SizeOf(source) - length, nameof(sourceIndex));
        var editor = VBufferEditor.Create(ref destination, length, length);
        source.AsSpan(sourceIndex, length).CopyTo(editor.Values);
        destination = editor.Commit();
    }

    public IEnumerable<KeyValuePair<int, T>> Items(bool all = false)
    {
        if (all)
            return DenseValues().Select((value, index) => new KeyValuePair<int, T>(index, value));
        var buffer = this;
        return Enumerable.Range(0, _count).Select(i => new KeyValuePair<int, T>(buffer.IsDense ? i : buffer._indices[i], buffer._values[i]));
    }

    public IEnumerable<T> DenseValues()
    {
        var buffer = this;
        return Enumerable.Range(0, Length).Select(buffer.GetItemOrDefault);
    }

    public void GetItemOrDefault(int index, ref T destination) => destination = GetItemOrDefault(index);

    public T GetItemOrDefault(int index)
    {
        Checks.Param(0 <= index && index < Length, nameof(index));
        var physical = PhysicalIndexOf(index);
        return IsDense || (physical < _count && _indices[physical] == index) ? _values[physical] : default;
    }

    public override string ToString() =>
        IsDense ? $"Dense vector of size {Length}" : $"Sparse vector of size {Length}, {_count} explicit values";

    public IEnumerator GetEnumerator() => _values.GetEnumerator();

    internal VBufferEditor<T> Edit(int length, int count, int maxCapacity, bool keepOld, bool withIndices)
    {
        var values = Grow(_values, count, maxCapacity, keepOld);
        var indices = withIndices ? Grow(_indices, count, maxCapacity, keepOld) : _indices;
        return new VBufferEditor<T>(length, count, values, indices, withIndices, values != _values, indices != _indices);
    }

    internal VBufferEditor<T> Edit() => Edit(Length, _count, Array.MaxLength, keepOld: false, withIndices: !IsDense);

    private static TItem[] Grow<TItem>(TItem[] array, int size, int maxCapacity, bool keepOld)
    {
        Checks.Param(size <= maxCapacity, nameof(maxCapacity));
        if (SizeOf(array) >= size)
            return array;
        var grown = new TItem[Math.Min(Math.Max(size, 2L * SizeOf(array)), maxCapacity)];
        if (keepOld)
            array?.CopyTo(grown, 0);
        return grown;
    }

    /// <summary>Where the value of an index stands, or would stand, among the explicit values.</summary>
    private int PhysicalIndexOf(int index)
    {
        if (IsDense)
            return index;
        var found = Array.BinarySearch(_indices ?? [], 0, _count, index);
        return found >= 0 ? found : ~found;
    }

    private static int SizeOf(Array array) => array?.Length ?? 0;
}
