using System.Reflection;

namespace Microsoft.ML.Data;

/// <summary>Deals the rows of one cursor out to several, which may be read on threads of their own.</summary>
internal sealed class SplitCursor : LeafCursor
{
    private const int RowsPerPortion = 64;

    private static readonly MethodInfo MakeGetterMethod = typeof(SplitCursor).GetMethod(nameof(MakeGetter), BindingFlags.Instance | BindingFlags.NonPublic);

    private readonly Dealer _dealer;
    private Portion _portion;
    private int _row;

    private SplitCursor(Dealer dealer) : base(dealer.Schema, dealer.Columns) => _dealer = dealer;

    public override long Batch => _portion?.Number ?? 0;

    public static DataViewRowCursor[] Split(DataViewRowCursor input, int count)
    {
        var dealer = new Dealer(input, count);
        return [.. Enumerable.Range(0, count).Select(_ => new SplitCursor(dealer))];
    }

    public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId id) =>
    {
        CheckPositioned();
        id = _portion.Ids[_row];
    };

    protected override bool MoveNextCore()
    {
        if (_portion is null || ++_row == _portion.Ids.Count)
        {
            _portion = _dealer.Next();
            _row = 0;
        }
        return _portion is not null;
    }

    protected override Delegate CreateGetter(int column) =>
        (Delegate)MakeGetterMethod.MakeGenericMethod(Schema[column].Type.RawType).Invoke(this, [column]);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _dealer.Leave(this);
        base.Dispose(disposing);
    }

    /// <summary>The portion changes under the getter, which then asks for the new one's values.</summary>
    private ValueGetter<TValue> MakeGetter<TValue>(int column)
    {
        Portion bound = null;
        ValueGetter<TValue> getter = null;
        return (ref TValue value) =>
        {
            CheckPositioned();
            if (bound != _portion)
            {
                bound = _portion;
                getter = (ValueGetter<TValue>)bound.Values[column].CreateGetter(() => _row);
            }
            getter(ref value);
        };
    }

    private sealed record Portion(long Number, List<DataViewRowId> Ids, Dictionary<int, ColumnBuffer> Values);

    private sealed class Dealer
    {
        private readonly Lock _lock = new();
        private readonly DataViewRowCursor _input;
        private readonly ValueGetter<DataViewRowId> _id;
        private readonly Dictionary<int, ColumnBuffer> _buffers;
        private readonly HashSet<SplitCursor> _gone = [];
        private readonly int _readers;
        private long _portions;

        public Dealer(DataViewRowCursor input, int readers)
        {
            _input = input;
            _id = input.GetIdGetter();
            _readers = readers;
            Columns = [.. input.Schema.Where(input.IsColumnActive)];
            _buffers = Columns.ToDictionary(c => c.Index, c => ColumnBuffer.Create(input, c));
        }

        public DataViewSchema Schema => _input.Schema;

        public DataViewSchema.Column[] Columns { get; }

        public Portion Next()
        {
            lock (_lock)
            {
                var ids = new List<DataViewRowId>();
                while (ids.Count < RowsPerPortion && _input.MoveNext())
                {
                    DataViewRowId id = default;
                    _id(ref id);
                    ids.Add(id);
                    foreach (var buffer in _buffers.Values)
                        buffer.Append();
                }
                return ids.Count == 0 ? null : new Portion(_portions++, ids, _buffers.ToDictionary(b => b.Key, b => b.Value.Take()));
            }
        }

        /// <summary>The last reader to leave closes the input.</summary>
        public void Leave(SplitCursor reader)
        {
            lock (_lock)
            {
                if (_gone.Add(reader) && _gone.Count == _readers)
                    _input.Dispose();
            }
        }
    }
}
