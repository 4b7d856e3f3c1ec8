using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.DataViews.Rows;

/// <summary>The values of one passed-through column for the rows that a <see cref="BlockCursor"/> has read ahead.</summary>
internal abstract class ColumnBuffer
{
    // All types that ML.NET has for plain values; each is named, for types that are put together when the program runs are not there ahead of time.
    private static readonly Dictionary<Type, Func<DataViewRowCursor, DataViewSchema.Column, ColumnBuffer>> Buffers = new()
    {
        [typeof(bool)] = Of<bool>,
        [typeof(sbyte)] = Of<sbyte>,
        [typeof(short)] = Of<short>,
        [typeof(int)] = Of<int>,
        [typeof(long)] = Of<long>,
        [typeof(byte)] = Of<byte>,
        [typeof(ushort)] = Of<ushort>,
        [typeof(uint)] = Of<uint>,
        [typeof(ulong)] = Of<ulong>,
        [typeof(float)] = Of<float>,
        [typeof(double)] = Of<double>,
        [typeof(ReadOnlyMemory<char>)] = Of<ReadOnlyMemory<char>>,
        [typeof(DataViewRowId)] = Of<DataViewRowId>,
        [typeof(DateTime)] = Of<DateTime>,
        [typeof(DateTimeOffset)] = Of<DateTimeOffset>,
        [typeof(TimeSpan)] = Of<TimeSpan>,
    };

    /// <summary>The column can be read ahead: its values are plain data that stay valid when the cursor moves on.</summary>
    public static bool CanHold(DataViewType type) => ItemType(type) is { } item && Buffers.ContainsKey(item);

    public static ColumnBuffer Create(DataViewRowCursor input, DataViewSchema.Column column) => Buffers[ItemType(column.Type)!](input, column);

    /// <summary>Stores the value of the row that the input cursor stands on.</summary>
    public abstract void Store(int slot);

    /// <summary>A <see cref="ValueGetter{TValue}"/> of the row in the slot that <paramref name="slot"/> says.</summary>
    public abstract Delegate Getter(Func<int> slot);

    private static Type? ItemType(DataViewType type) => type switch
    {
        PrimitiveDataViewType => type.RawType,
        VectorDataViewType vector => vector.ItemType.RawType,
        _ => null,
    };

    private static ColumnBuffer Of<TItem>(DataViewRowCursor input, DataViewSchema.Column column) =>
        column.Type is VectorDataViewType ? new VectorBuffer<TItem>(input, column) : new ValueBuffer<TItem>(input, column);

    private abstract class Buffer<TValue>(DataViewRowCursor input, DataViewSchema.Column column) : ColumnBuffer
    {
        private readonly ValueGetter<TValue> _source = input.GetGetter<TValue>(column);
        private TValue[] _values = new TValue[8];

        protected ref TValue this[int slot] => ref _values[slot];

        public sealed override void Store(int slot)
        {
            if (slot >= _values.Length)
                Array.Resize(ref _values, Math.Max(slot + 1, 2 * _values.Length));
            _source(ref _values[slot]);
        }
    }

    private sealed class ValueBuffer<TValue>(DataViewRowCursor input, DataViewSchema.Column column) : Buffer<TValue>(input, column)
    {
        public override Delegate Getter(Func<int> slot) => (ValueGetter<TValue>)((ref TValue value) => value = this[slot()]);
    }

    private sealed class VectorBuffer<TItem>(DataViewRowCursor input, DataViewSchema.Column column) : Buffer<VBuffer<TItem>>(input, column)
    {
        // The reader owns the arrays behind the value that it gets: each gets its own copy.
        public override Delegate Getter(Func<int> slot) => (ValueGetter<VBuffer<TItem>>)((ref VBuffer<TItem> value) => this[slot()].CopyTo(ref value));
    }
}
