namespace Microsoft.ML.Data;

/// <summary>Translates between the value of a member and the value of its column.</summary>
internal abstract class MemberConverter<TMember, TRaw>
{
    public abstract void ToRaw(TMember member, ref TRaw raw);

    public abstract TMember FromRaw(ref TRaw raw);
}

internal sealed class SameConverter<T> : MemberConverter<T, T>
{
    public override void ToRaw(T member, ref T raw) => raw = member;

    public override T FromRaw(ref T raw) => raw;
}

internal sealed class TextConverter : MemberConverter<string, ReadOnlyMemory<char>>
{
    public override void ToRaw(string member, ref ReadOnlyMemory<char> raw) => raw = member.AsMemory();

    public override string FromRaw(ref ReadOnlyMemory<char> raw) => raw.ToString();
}

/// <summary>A member counts keys from 0, a column from 1, with 0 for what is missing. Read back, the column's value is left as it is.</summary>
internal sealed class KeyConverter<T>(ulong count) : MemberConverter<T, T>
{
    public override void ToRaw(T member, ref T raw)
    {
        var key = Convert.ToUInt64(member);
        raw = (T)Convert.ChangeType(key < count ? key + 1 : 0, typeof(T));
    }

    public override T FromRaw(ref T raw) => raw;
}

internal sealed class VectorConverter<T> : MemberConverter<VBuffer<T>, VBuffer<T>>
{
    public override void ToRaw(VBuffer<T> member, ref VBuffer<T> raw) => member.CopyTo(ref raw);

    public override VBuffer<T> FromRaw(ref VBuffer<T> raw)
    {
        VBuffer<T> copy = default;
        raw.CopyTo(ref copy);
        return copy;
    }
}

internal sealed class ArrayConverter<TItem, TRaw>(MemberConverter<TItem, TRaw> items) : MemberConverter<TItem[], VBuffer<TRaw>>
{
    public override void ToRaw(TItem[] member, ref VBuffer<TRaw> raw)
    {
        var editor = VBufferEditor.Create(ref raw, member?.Length ?? 0);
        for (var i = 0; i < editor.Values.Length; i++)
            items.ToRaw(member[i], ref editor.Values[i]);
        raw = editor.Commit();
    }

    public override TItem[] FromRaw(ref VBuffer<TRaw> raw)
    {
        var dense = new TRaw[raw.Length];
        raw.CopyTo(dense);
        return Array.ConvertAll(dense, value => items.FromRaw(ref value));
    }
}
