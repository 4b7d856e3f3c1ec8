namespace Microsoft.ML.Data;

/// <summary>The values of one column, copied row by row out of a cursor.</summary>
internal abstract class ColumnBuffer
{
    public static ColumnBuffer Create(DataViewRow source, DataViewSchema.Column column)
    {
        var type = column.Type is VectorDataViewType vector
            ? typeof(VectorBuffer<>).MakeGenericType(vector.ItemType.RawType)
            : typeof(ScalarBuffer<>).MakeGenericType(column.Type.RawType);
        var buffer = (ColumnBuffer)Activator.CreateInstance(type);
        buffer.Bind(source, column);
        return buffer;
    }

    /// <summary>Copies the value of the row where the source is now.</summary>
    public abstract void Append();

    /// <summary>Gives away what was copied so far, and begins anew.</summary>
    public abstract ColumnBuffer Take();

    public abstract Delegate CreateGetter(Func<int> row);

    protected abstract void Bind(DataViewRow source, DataViewSchema.Column column);

    private abstract class Buffer<T> : ColumnBuffer
    {
        private List<T> _values = [];
        private ValueGetter<T> _getter;

        public override void Append()
        {
            T value = default;
            _getter(ref value);
            _values.Add(value);
        }

        public override ColumnBuffer Take()
        {
            var taken = (Buffer<T>)MemberwiseClone();
            _values = [];
            return taken;
        }

        public override Delegate CreateGetter(Func<int> row) => (ValueGetter<T>)((ref T value) => Copy(_values[row()], ref value));

        protected override void Bind(DataViewRow source, DataViewSchema.Column column) => _getter = source.GetGetter<T>(column);

        protected abstract void Copy(T from, ref T to);
    }

    private sealed class ScalarBuffer<T> : Buffer<T>
    {
        protected override void Copy(T from, ref T to) => to = from;
    }

    private sealed class VectorBuffer<T> : Buffer<VBuffer<T>>
    {
        protected override void Copy(VBuffer<T> from, ref VBuffer<T> to) => from.CopyTo(ref to);
    }
}
