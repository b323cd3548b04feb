"""Permits to roll back and to stop, and those of a broken glass, which no approval stands behind."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0005_renewals'),
        ('registry', '0005_alias_changes'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='permit',
            name='one_permit_per_approval',
        ),
        migrations.AddField(
            model_name='permit',
            name='change',
            field=models.ForeignKey(help_text='The broken glass that it licenses, or the write that a rollback or stop would undo.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='permits', to='registry.aliaschange'),
        ),
        migrations.AlterField(
            model_name='permit',
            name='approval',
            field=models.ForeignKey(help_text='Null where one person broke the glass.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='permits', to='approvals.approvalrequest'),
        ),
        migrations.AlterField(
            model_name='permit',
            name='kind',
            field=models.CharField(choices=[('serve', 'Serve'), ('rollback', 'Roll back'), ('stop', 'Stop')], default='serve', max_length=8),
        ),
        migrations.AlterField(
            model_name='permit',
            name='log_index',
            field=models.BigIntegerField(help_text='The entry that the notary derived it from.'),
        ),
        migrations.AddIndex(
            model_name='permit',
            index=models.Index(fields=['change', 'kind', '-issued_at'], name='permit_by_change'),
        ),
        migrations.AddConstraint(
            model_name='permit',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'serve')), fields=('approval', 'kind', 'log_index'), name='one_permit_per_approval', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='permit',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('approval__isnull', False), ('change__isnull', True), ('kind', 'serve')), models.Q(('approval__isnull', True), ('change__isnull', False), ('kind', 'serve')), models.Q(('approval__isnull', False), ('change__isnull', False), ('kind', 'rollback')), models.Q(('change__isnull', False), ('kind', 'stop')), _connector='OR'), name='permit_rests_on_something'),
        ),
    ]
